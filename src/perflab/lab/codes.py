"""Whether a module is what a text says. IPython's `%autoreload` puts new code into functions where they are, with other line
numbers, and loads nothing anew: only what the functions do can be compared.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

Path = tuple[str, ...]
UNKNOWN = object()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
KINDS = 0xFFFF
"""The flags of a code that are not those of `from __future__ import` in the code that made it."""


class Program:
    """The functions and constants of a text. Raises SyntaxError or ValueError where it is no Python."""

    def __init__(self, text: str, file: str = "") -> None:
        self.tree = ast.parse(text)
        self.definitions = _definitions(self.tree)
        self.codes: dict[str, list[CodeType]] = {}
        for code in _codes_in(compile(text, file, "exec", dont_inherit=True)):
            self.codes.setdefault(code.co_qualname, []).append(code)

    def code_like(self, code: CodeType) -> CodeType | None:
        """The code in this text that does the same."""
        for each in self.codes.get(code.co_qualname, ()):
            if each == code or shape_of(each) == shape_of(code):
                return each
        for path, node in self.definitions.items():
            if path[-1] == code.co_name and isinstance(node, FUNCTIONS) and _is_compiled_alone(code, node, path):
                return self.codes[".".join(path)][-1]
        return None


def shape_of(code: CodeType) -> tuple[Any, ...]:
    """What a code does, whatever lines it stands in."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & KINDS)
    return code.co_name, code.co_code, names, arguments, tuple(map(_shape_of_constant, code.co_consts))


def is_loaded_from(module: ModuleType, text: str) -> bool:
    """Whether the functions of a module are those of this text. It cannot be told of a module without functions."""
    try:
        program = Program(text, str(module.__file__))
    except (SyntaxError, ValueError):
        return False
    own = [code for code in _codes_of(module) if code.co_qualname in program.codes]
    return all(program.code_like(code) is not None for code in own)


def follows(module: ModuleType, before: str, after: str) -> bool:
    """Whether a module that was loaded from the text `before` is now what `after` says, judged by all in which these differ."""
    try:
        old, new = Program(before), Program(after)
    except (SyntaxError, ValueError):
        return False
    if ast.dump(old.tree) == ast.dump(new.tree):
        return True
    unchanged = {path for path, node in old.definitions.items() if _same(node, new.definitions.get(path))}
    found = [_is_there(module, path, new) for path in new.definitions.keys() - unchanged]
    return any(each is True for each in found) and not any(each is False for each in found)


def _is_there(module: ModuleType, path: Path, program: Program) -> bool | None:
    """None where it cannot be told."""
    thing, node = _inner(_at(module, path)), program.definitions[path]
    if isinstance(node, FUNCTIONS):
        return program.code_like(thing.__code__) is not None if isinstance(thing, FunctionType) else None
    try:
        value = ast.literal_eval(node.value)  # type: ignore[attr-defined]
    except (ValueError, TypeError, AttributeError):
        return None
    return bool(type(thing) is type(value) and thing == value)


def _is_compiled_alone(code: CodeType, node: ast.AST, path: Path) -> bool:
    # In place, a function is compiled without the rest of its module, of which the compiler makes use.
    text = ast.unparse(node)
    alone = f"class Its:\n{textwrap.indent(text, '    ')}" if len(path) > 1 else text
    return any(shape_of(each) == shape_of(code) for each in _codes_in(compile(alone, "", "exec", dont_inherit=True)))


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes_in(each)


def _definitions(tree: ast.AST) -> dict[Path, ast.AST]:
    """Functions and assignments of a module and of its classes."""
    found: dict[Path, ast.AST] = {}
    left: list[tuple[Path, ast.AST]] = [((), tree)]
    while left:
        path, parent = left.pop()
        for node in getattr(parent, "body", ()):
            if isinstance(node, ast.ClassDef):
                left.append(((*path, node.name), node))
            elif isinstance(node, FUNCTIONS):
                found[(*path, node.name)] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update({(*path, each.id): node for each in targets if isinstance(each, ast.Name)})
    return found


def _codes_of(module: ModuleType) -> Iterator[CodeType]:
    things = list(vars(module).values())
    classes = [each for each in things if isinstance(each, type) and each.__module__ == module.__name__]
    for thing in (*things, *(member for each in classes for member in list(vars(each).values()))):
        inner = _inner(thing)
        if isinstance(inner, FunctionType) and inner.__code__.co_filename == module.__file__:
            yield inner.__code__


def _inner(thing: Any) -> Any:
    """The function in a method, a property or a decorated function; other things as they are."""
    if isinstance(thing, staticmethod | classmethod):
        thing = thing.__func__
    if isinstance(thing, property):
        thing = thing.fget
    return inspect.unwrap(thing) if isinstance(thing, FunctionType) else thing


def _at(module: ModuleType, path: Path) -> Any:
    thing: Any = module
    for name in path:
        thing = getattr(thing, "__dict__", {}).get(name, UNKNOWN)
    return thing


def _same(node: ast.AST, other: ast.AST | None) -> bool:
    return other is not None and ast.dump(node) == ast.dump(other)


def _shape_of_constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return shape_of(value)
    # A text of several lines may be moved to the right in place.
    return type(value), value.split() if isinstance(value, str) and "\n" in value else repr(value)
