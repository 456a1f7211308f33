"""How kernels are compiled: each as a part that others take in, and for Python only where Python calls.

By itself numba optimises each kernel with all that it calls, places it in memory and makes it callable from Python,
though most are called by kernels alone. Without that a first use takes a fifth less, and kernels are as fast.
"""

from llvmlite.binding import parse_bitcode
from numba.core import callconv, codegen, compiler, types
from numba.core.environment import lookup_environment


class _Part(codegen.JITCodeLibrary):
    """A kernel as others take it in: neither optimised alone nor placed in memory."""

    codegen = property(lambda self: self)  # asked for the place of an environment: there is none
    set_env = _optimize_final_module = lambda *_: None

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Return what ``_read`` makes a part of again."""
        return self.name, "part", self._final_module.as_bitcode()


def _call(self, builder, callee, returned: types.Type, kinds: tuple, args: list, attrs: tuple = ()) -> tuple:
    """Call a kernel. Numba zeroes what it answers in, for every call, at the caller's entry: a tenth of all stores."""
    with builder.goto_entry_block():
        answer, error = (builder.alloca(place.type.pointee) for place in callee.args[:2])
    code = builder.call(callee, [answer, error, *self._get_arg_packer(kinds).as_arguments(builder, args)], attrs=attrs)
    status = self._get_return_status(builder, code, builder.load(error))
    return status, self.context.get_returned_value(builder, returned, builder.load(answer))


def _read(machine: codegen.CPUCodegen, filed: tuple, others=codegen.CPUCodegen.unserialize_library):
    if filed[1] != "part":
        return others(machine, filed)
    part = _Part(machine, filed[0])
    part._final_module = parse_bitcode(filed[2])
    part._finalize_final_module()
    return part


def _put_in_place(library, others=codegen.JITCodeLibrary._finalize_specific) -> None:
    """Place a library in memory, and what its parts print and raise with, wherever these were taken in."""
    others(library)
    for name in (one.name for one in library._final_module.global_variables):
        if name.startswith("_ZN08NumbaEnv") and (environment := lookup_environment(name)):
            library.codegen.set_env(name, environment)


codegen.CPUCodegen.unserialize_library, codegen.JITCodeLibrary._finalize_specific = _read, _put_in_place
callconv.CPUCallConv.call_function = _call


def parts(typing, target, library: None, *rest) -> compiler.Compiler:
    """Return what compiles as numba does, to a part."""
    return compiler.Compiler(typing, target, _Part(target.codegen(), "part"), *rest)


def place(part, args: tuple[types.Type, ...], return_type: types.Type | None):
    """Return a part as what Python can call: with all its parts, optimised together, at a place in memory."""
    part.compile(args if return_type is None else return_type(*args))
    made = part.overloads[args]
    if isinstance(made.signature.return_type, types.Generator):
        raise TypeError(f"{made.fndesc.qualname}: a generator is for kernels, not for Python")
    target, described = made.target_context, made.fndesc
    library = target.codegen().create_library(described.qualname)
    library.enable_object_caching()
    target.create_cpython_wrapper(library, described, made.environment, None, release_gil=True)
    library.add_linking_library(made.library)
    entry_point = target.get_executable(library, described, made.environment)
    return made._replace(library=library, entry_point=entry_point, metadata={})
