"""The distribution: one package, one console script. The versions that are tested together are in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

# The customer fixed these three folders at the top of the repository. They are installed inside `soundbeam`.
ROOMS = ("pipelines", "transforms", "model")

setup(
    name="soundbeam",
    version="0.1.0",
    description="Finds and counts a sound in any number of recordings, with Apache Beam and TensorFlow",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=[
        "soundbeam",
        *(f"soundbeam.{p}" for p in find_packages(include=[f"{r}{e}" for r in ROOMS for e in ("", ".*")])),
    ],
    package_dir={"soundbeam": "soundbeam", **{f"soundbeam.{r}": r for r in ROOMS}},
    package_data={
        "soundbeam": ["py.typed"],
        "soundbeam.model.report": ["*.jinja"],
        "soundbeam.pipelines.review": ["*.jinja", "page/*"],
    },
    python_requires=">=3.10,<3.13",
    install_requires=[
        # tensorflow-io 0.37 is built against TensorFlow 2.16; with 2.18 its operations raise NotImplementedError.
        "tensorflow>=2.16,<2.17",
        # There is none for Windows, where everything works but --decoder=tensorflow-io.
        "tensorflow-io==0.37.1; sys_platform != 'win32'",
        "keras>=3.3,<4",
        # Runs converted networks, without TensorFlow.
        "ai-edge-litert>=2.3,<3",
        "apache-beam>=2.77,<2.78",
        "pyarrow>=15",
        "fsspec>=2024.2",
        "numpy>=1.26,<2",
        "scipy>=1.11",
        "soundfile>=0.13",
        "soxr>=0.5",
        "jinja2>=3.1",
        "matplotlib>=3.8",
        "pillow>=10",
        # scan --metrics
        "prometheus_client>=0.20",
        # --timezone: small worker images have no time zones of their own.
        "tzdata",
        # The page of 'soundbeam review'.
        "starlette>=1.0,<2",
        "uvicorn>=0.40",
        # Sunrise, sunset and moon in 'soundbeam report'.
        "astral>=3.2",
    ],
    extras_require={
        "av": ["av>=12"],
        "s3": ["s3fs>=2024.2"],
        # Not apache-beam[gcp]: it requires protobuf 6, TensorFlow 2.16 requires 4. A scan needs just these.
        "dataflow": [
            "gcsfs>=2024.2",
            "google-auth-httplib2<0.3",
            "google-cloud-dataflow-client>=0.13,<0.14",
            "google-cloud-storage>=2.18.2,<4",
        ],
        # Constant-Q, chroma and the 40 × 5 table; noise reduction; loudness.
        "zoo": ["librosa>=0.10", "noisereduce>=3", "pyloudnorm>=0.1.1"],
        # Annotations of many tools, in and out.
        "formats": ["crowsetta>=5.1", "soundevent>=2.10"],
        "gcs": ["gcsfs>=2024.2"],
        "azure": ["adlfs>=2024.2"],
        "test": [
            "duckdb",
            # For S3 and GCS on this machine; moto[server] would bring in forty more packages.
            "flask",
            "flask-cors",
            "frictionless>=5",
            "gcp-storage-emulator",
            "hypothesis",
            "librosa>=0.10",
            "moto[s3]>=5",
            "mypy",
            "pandas",
            # Drives the Chromium that is installed; it downloads none.
            "playwright",
            "pytest",
            "pytest-xdist",
            "ruff",
        ],
    },
    entry_points={"console_scripts": ["soundbeam = soundbeam.pipelines.cli:main"]},
)
