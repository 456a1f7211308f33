"""How kernels are compiled: each as a part that others take in, and with a door only where Python calls.

By itself numba optimises each kernel with all that it calls, places it in memory and makes it callable from Python,
though most are called by kernels alone; a first use takes a quarter less without, and runs the same code.
"""

from llvmlite.binding import parse_bitcode
from numba.core import codegen, compiler, types


class _Part(codegen.JITCodeLibrary):
    """A kernel as others take it in: neither optimised alone nor placed in memory, which took a quarter of the time."""

    codegen = property(lambda self: self)  # asked for the place of an environment: there is none
    set_env = _optimize_final_module = lambda *_: None

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Return what ``_read`` makes a part of again."""
        return self.name, "part", self._final_module.as_bitcode()


def _read(machine: codegen.CPUCodegen, filed: tuple, others=codegen.CPUCodegen.unserialize_library):
    if filed[1] != "part":
        return others(machine, filed)
    part = _Part(machine, filed[0])
    part._final_module = parse_bitcode(filed[2])
    part._finalize_final_module()
    return part


codegen.CPUCodegen.unserialize_library = _read


def parts(typing, target, library: None, *rest) -> compiler.Compiler:
    """Return what compiles as numba does, to a part."""
    return compiler.Compiler(typing, target, _Part(target.codegen(), "part"), *rest)


def place(part, args: tuple[types.Type, ...]):
    """Return a part as what Python can call: with all its parts, optimised together, at a place in memory."""
    part.compile(args)
    made = part.overloads[args]
    target, described = made.target_context, made.fndesc
    library = target.codegen().create_library(described.qualname)
    library.enable_object_caching()
    target.create_cpython_wrapper(library, described, made.environment, None, release_gil=True)
    library.add_linking_library(made.library)
    entry_point = target.get_executable(library, described, made.environment)
    made = made._replace(library=library, entry_point=entry_point, metadata={})
    for environment in made._find_referenced_environments():  # what its parts print and raise with
        library.codegen.set_env(environment.env_name, environment)
    return made
