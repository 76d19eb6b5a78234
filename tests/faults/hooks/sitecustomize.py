"""Arms the faults, a list, of ``SOUNDBEAM_TEST_FAULT`` in each Python process that finds this folder on its path.

A fault of a call is armed when its module has been imported; the import is not hastened, so that nothing else changes.
"""

import importlib.abc
import json
import os
import sys

sys.path.append(os.path.dirname(__file__))


class _Arm(importlib.abc.MetaPathFinder):
    """Arms the fault as soon as the module that it is in has been executed."""

    def __init__(self, fault):
        self.fault, self.module = fault, fault["call"].partition(":")[0]

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        below = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in below)), None)
        execute = spec.loader.exec_module

        def exec_and_arm(module):
            execute(module)
            import hook

            sys.modules[name] = module
            hook.install(self.fault)

        spec.loader.exec_module = exec_and_arm
        return spec


for _fault in json.loads(os.environ.get("SOUNDBEAM_TEST_FAULT") or "[]"):
    if "call" in _fault:
        sys.meta_path.insert(0, _Arm(_fault))
    else:
        import hook

        hook.install(_fault)
