"""Importing soundbeam changes nothing in the process; only a program that starts does."""

import json
import subprocess
import sys

from tests import ROOT

# What other packages change when they are loaded is theirs: they come first. Then soundbeam's modules, one by one.
SCRIPT = """
import gc, importlib, json, logging, os, pkgutil, sys, threading, warnings

def told():
    return {
        "environment": dict(os.environ),
        "root's log level": logging.getLogger().level,
        "root's handlers": list(map(repr, logging.getLogger().handlers)),
        "Beam's log level": logging.getLogger("apache_beam").level,
        "gc": gc.get_threshold(),
        "warning filters": list(map(repr, warnings.filters)),
        "excepthook": repr(sys.excepthook),
        "threads' excepthook": repr(threading.excepthook),
        "scheduler": os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None,
    }

for name in OTHERS:
    try:
        importlib.import_module(name)
    except ImportError:
        pass

found, count, before = {}, 0, told()
for package in ("soundbeam", "soundbeam.model", "soundbeam.transforms", "soundbeam.pipelines"):
    path = importlib.import_module(package).__path__
    # The package's own import counts as its first module's.
    for name in [package, *(m.name for m in pkgutil.walk_packages(path, f"{package}."))]:
        if name.endswith("__main__"):
            continue
        importlib.import_module(name)
        count += 1
        after = told()
        changed = [what for what in after if after[what] != before[what] and what != "environment"]
        changed += sorted(k for k, _ in set(before["environment"].items()) ^ set(after["environment"].items()))
        if changed:
            found[name] = changed
        before = after
print(json.dumps([count, found]))
"""
OTHERS = [
    "apache_beam",
    "tensorflow",
    "keras",
    "librosa",
    "matplotlib.pyplot",
    "tensorflow_io",
    "grpc",
    "gcsfs",
    "s3fs",
]
# TensorFlow looks at it once, when it is first loaded, and the last digits of scores depend on it. In a worker no
# function of soundbeam runs before that: Beam's harness unpickles a step, which imports its module, and those of
# `transforms.examples` import TensorFlow in turn. The same holds for a user who imports `soundbeam.model.frontend`.
# So it is set by the import of `soundbeam.model`, which comes before all of them.
KNOWN = {"TF_ENABLE_ONEDNN_OPTS"}


def test_importing_a_module_does_not_change_the_process():
    script = f"OTHERS = {OTHERS}\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    count, found = json.loads(done.stdout.splitlines()[-1])
    assert count > 100
    changed = {name: [what for what in whats if what not in KNOWN] for name, whats in found.items()}
    assert not {name: whats for name, whats in changed.items() if whats}
