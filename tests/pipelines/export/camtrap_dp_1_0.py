"""The table schemas of Camtrap DP 1.0, by their letter, in short.

Source: https://camtrap-dp.tdwg.org/data/ and the ``*-table-schema.json`` of tdwg/camtrap-dp, release 1.0: the names of
the fields in their order, their types, which are required, which values are allowed, and which field refers to which.
"""

_STAMP = "%Y-%m-%dT%H:%M:%S%z"
_REQUIRED = {
    "deployments": "deploymentID latitude longitude deploymentStart deploymentEnd",
    "media": "mediaID deploymentID timestamp filePath filePublic fileMediatype",
    "observations": "observationID deploymentID eventStart eventEnd observationLevel observationType",
}
_FIELDS = {
    "deployments": (
        "deploymentID locationID locationName latitude longitude coordinateUncertainty deploymentStart deploymentEnd "
        "setupBy cameraID cameraModel cameraDelay cameraHeight cameraDepth cameraTilt cameraHeading detectionDistance "
        "timestampIssues baitUse featureType habitat deploymentGroups deploymentTags deploymentComments"
    ),
    "media": (
        "mediaID deploymentID captureMethod timestamp filePath filePublic fileName fileMediatype exifData favorite "
        "mediaComments"
    ),
    "observations": (
        "observationID deploymentID mediaID eventID eventStart eventEnd observationLevel observationType "
        "cameraSetupType scientificName count lifeStage sex behavior individualID individualPositionRadius "
        "individualPositionAngle individualSpeed bboxX bboxY bboxWidth bboxHeight classificationMethod classifiedBy "
        "classificationTimestamp classificationProbability observationTags observationComments"
    ),
}
_NUMBERS = [
    "latitude", "longitude", "cameraHeight", "cameraDepth", "detectionDistance", "individualPositionRadius",
    "individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth", "bboxHeight",
    "classificationProbability",
]  # fmt: skip
_INTEGERS = ["coordinateUncertainty", "cameraDelay", "cameraTilt", "cameraHeading", "count"]
_BOOLEANS = ["timestampIssues", "baitUse", "filePublic", "favorite"]
_STAMPS = ["deploymentStart", "deploymentEnd", "timestamp", "eventStart", "eventEnd", "classificationTimestamp"]
_CONSTRAINTS = {
    "latitude": {"minimum": -90, "maximum": 90},
    "longitude": {"minimum": -180, "maximum": 180},
    "classificationProbability": {"minimum": 0, "maximum": 1},
    "filePath": {"pattern": r"^(?=^[^./~])(^((?!\.{2}).)*$).*$"},
    "fileMediatype": {"pattern": r"^(image|video|audio)/.*$"},
    "observationLevel": {"enum": ["media", "event"]},
    "observationType": {"enum": ["animal", "human", "vehicle", "blank", "unknown", "unclassified"]},
    "classificationMethod": {"enum": ["human", "machine"]},
}
_KEYS = {"deployments": "deploymentID", "media": "mediaID", "observations": "observationID"}
_REFERENCES = {
    "deployments": [],
    "media": [("deploymentID", "deployments")],
    "observations": [("deploymentID", "deployments"), ("mediaID", "media")],
}


def schema(table):
    """The Table Schema of a table, as frictionless takes it."""
    fields = []
    for name in _FIELDS[table].split():
        constraints = dict(_CONSTRAINTS.get(name, {}))
        if name in _REQUIRED[table].split():
            constraints["required"] = True
        if name == _KEYS[table]:
            constraints["unique"] = True
        kinds = (("number", _NUMBERS), ("integer", _INTEGERS), ("boolean", _BOOLEANS), ("datetime", _STAMPS))
        kind = next((kind for kind, names in kinds if name in names), "string")
        fields.append({"name": name, "type": kind, "constraints": constraints})
        if kind == "datetime":
            fields[-1]["format"] = _STAMP
    references = [
        {"fields": [field], "reference": {"resource": other, "fields": [_KEYS[other]]}}
        for field, other in _REFERENCES[table]
    ]
    missing = ["", "NaN", "nan"]
    return {"fields": fields, "missingValues": missing, "primaryKey": [_KEYS[table]], "foreignKeys": references}


# What the profile requires of ``datapackage.json`` and of its project.
PACKAGE = ["profile", "created", "contributors", "project", "spatial", "temporal", "taxonomic", "resources"]
PROJECT = ["title", "samplingDesign", "captureMethod", "individualAnimals", "observationLevel"]
