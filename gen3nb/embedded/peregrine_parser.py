"""GraphQL's syntax as it was in 2016, which the query service speaks: no ``null``, no block strings.

The messages are those of the library that the service is built on. They name line and column and show the
place, and clients show them to their users, so they are kept to the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .peregrine_syntax import (
    Argument,
    Directive,
    Document,
    Field,
    Fragment,
    GraphQLFault,
    Inline,
    ListLiteral,
    ObjectLiteral,
    Operation,
    Scalar,
    Selection,
    Spread,
    TypeName,
    Value,
    Variable,
    VariableDefinition,
)

T = TypeVar("T")


def parse(text: str) -> Document:
    """Read a query.

    Raises
    ------
    GraphQLFault
        ``Syntax Error GraphQL (line:column) …`` with the lines around it.
    """
    return _Parser(text).document()


@dataclass(slots=True)
class _Token:
    kind: str
    start: int
    end: int
    value: str = ""

    def __str__(self) -> str:
        return f'{self.kind} "{self.value}"' if self.value else self.kind


_IGNORED = re.compile("(?:[\ufeff\t \n\r,]|#[^\x00-\x08\n\x0b-\x1f]*)*")
_NAME = re.compile("[A-Za-z_][A-Za-z_0-9]*")
_DIGITS = re.compile("[0-9]+")
_CHUNK = re.compile('[^\x00-\x08\n\x0b-\x1f"\\\\]*')
_HEX = re.compile("[0-9a-fA-F]{4}")
_ESCAPES = {
    '"': '"', "/": "/", "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text

    def fault(self, position: int, words: str) -> GraphQLFault:
        """Name the place, with the lines around it."""
        before = self.text[:position].splitlines() or [""]
        line, column = len(before), len(before[-1]) + 1
        lines = self.text.splitlines()
        width = len(str(line + 1))
        shown = ""
        if line >= 2:
            shown += f"{line - 1:>{width}}: {lines[line - 2]}\n"
        if line <= len(lines):
            shown += f"{line:>{width}}: {lines[line - 1]}\n" + " " * (1 + width + column) + "^\n"
        if line < len(lines):
            shown += f"{line + 1:>{width}}: {lines[line]}\n"
        return GraphQLFault(f"Syntax Error GraphQL ({line}:{column}) {words}\n\n{shown}")

    def shown(self, position: int) -> str:
        """One character as messages show it."""
        if position >= len(self.text):
            return "<EOF>"
        letter = self.text[position]
        return json.dumps(letter) if ord(letter) < 0x7F else f'"\\u{ord(letter):04X}"'

    def next(self, position: int) -> _Token:
        """Read the token at or after a position."""
        text = self.text
        skipped = _IGNORED.match(text, position)
        start = skipped.end() if skipped else position
        if start >= len(text):
            return _Token("EOF", start, start)
        letter = text[start]
        if "\0" < letter < " ":
            raise self.fault(start, f"Invalid character {self.shown(start)}.")
        if letter in "!$():=@[]{|}":
            return _Token(letter, start, start + 1)
        if text.startswith("...", start):
            return _Token("...", start, start + 3)
        if name := _NAME.match(text, start):
            return _Token("Name", start, name.end(), name.group())
        if letter == "-" or "0" <= letter <= "9":
            return self.number(start)
        if letter == '"':
            return self.string(start)
        raise self.fault(start, f"Unexpected character {self.shown(start)}.")

    def digits(self, position: int) -> int:
        found = _DIGITS.match(self.text, position)
        if not found:
            shown = self.shown(position)
            raise self.fault(position, f"Invalid number, expected digit but got: {shown}.")
        return found.end()

    def number(self, start: int) -> _Token:
        text, position, kind = self.text, start, "Int"
        if text[position] == "-":
            position += 1
        if text.startswith("0", position):
            position += 1
            if _DIGITS.match(text, position):
                shown = self.shown(position)
                raise self.fault(position, f"Invalid number, unexpected digit after 0: {shown}.")
        else:
            position = self.digits(position)
        if text.startswith(".", position):
            kind, position = "Float", self.digits(position + 1)
        if text[position : position + 1] in ("e", "E"):
            position += 1
            kind = "Float"
            if text[position : position + 1] in ("+", "-"):
                position += 1
            position = self.digits(position)
        return _Token(kind, start, position, text[start:position])

    def string(self, start: int) -> _Token:
        text, position, parts = self.text, start + 1, []
        while True:
            chunk = _CHUNK.match(text, position)
            end = chunk.end() if chunk else position
            parts.append(text[position:end])
            position = end
            letter = text[position : position + 1]
            if letter == '"':
                return _Token("String", start, position + 1, "".join(parts))
            if letter in ("", "\n", "\r"):
                raise self.fault(position, "Unterminated string")
            if letter != "\\":
                raise self.fault(position, f"Invalid character within String: {self.shown(position)}.")
            escaped = text[position + 1 : position + 2]
            if not escaped:  # the library breaks off here, with Python's own words
                raise GraphQLFault("'NoneType' object cannot be interpreted as an integer")
            if escaped == "u" and _HEX.match(text, position + 2):
                parts.append(chr(int(text[position + 2 : position + 6], 16)))
                position += 6
            elif escaped in _ESCAPES:
                parts.append(_ESCAPES[escaped])
                position += 2
            else:
                shown = escaped + (text[position + 2 : position + 6] if escaped == "u" else "")
                raise self.fault(position + 1, f"Invalid character escape sequence: \\{shown}.")


class _Parser:
    def __init__(self, text: str) -> None:
        self.lexer = _Lexer(text)
        self.token = self.lexer.next(0)

    def unexpected(self) -> GraphQLFault:
        return self.lexer.fault(self.token.start, f"Unexpected {self.token}")

    def advance(self) -> _Token:
        token = self.token
        self.token = self.lexer.next(token.end)
        return token

    def skip(self, kind: str) -> bool:
        if self.token.kind == kind:
            self.advance()
            return True
        return False

    def expect(self, kind: str) -> _Token:
        if self.token.kind != kind:
            raise self.lexer.fault(self.token.start, f"Expected {kind}, found {self.token}")
        return self.advance()

    def keyword(self, word: str) -> None:
        if self.token.kind != "Name" or self.token.value != word:
            raise self.lexer.fault(self.token.start, f'Expected "{word}", found {self.token}')
        self.advance()

    def name(self) -> str:
        return self.expect("Name").value

    def many(self, opening: str, read: Callable[[], T], closing: str) -> list[T]:
        self.expect(opening)
        found = [read()]
        while not self.skip(closing):
            found.append(read())
        return found

    def document(self) -> Document:
        document = Document()
        while True:
            document.definitions.append(self.definition())
            if self.skip("EOF"):
                return document

    def definition(self) -> Operation | Fragment:
        if self.token.kind == "{":
            return Operation("query", None, [], [], self.selections())
        if self.token.kind == "Name":
            if self.token.value in ("query", "mutation", "subscription"):
                return self.operation()
            if self.token.value == "fragment":
                return self.fragment()
        raise self.unexpected()

    def operation(self) -> Operation:
        kind = self.advance().value
        name = self.advance().value if self.token.kind == "Name" else None
        variables = self.many("(", self.variable_definition, ")") if self.token.kind == "(" else []
        return Operation(kind, name, variables, self.directives(), self.selections())

    def fragment(self) -> Fragment:
        self.keyword("fragment")
        if self.token.value == "on":
            raise self.unexpected()
        name = self.name()
        self.keyword("on")
        return Fragment(name, self.name(), self.directives(), self.selections())

    def variable_definition(self) -> VariableDefinition:
        variable = self.variable()
        self.expect(":")
        type_ = self.type_name()
        return VariableDefinition(variable.name, type_, self.value(constant=True) if self.skip("=") else None)

    def variable(self) -> Variable:
        self.expect("$")
        return Variable(self.name())

    def type_name(self) -> TypeName:
        if self.skip("["):
            found = TypeName(item=self.type_name())
            self.expect("]")
        else:
            found = TypeName(self.name())
        found.required = self.skip("!")
        return found

    def selections(self) -> list[Selection]:
        return self.many("{", self.selection, "}")

    def selection(self) -> Selection:
        if not self.skip("..."):
            return self.field()
        if self.token.kind == "Name" and self.token.value != "on":
            return Spread(self.name(), self.directives())
        condition = None
        if self.token.value == "on":
            self.advance()
            condition = self.name()
        return Inline(condition, self.directives(), self.selections())

    def field(self) -> Field:
        name, alias = self.name(), None
        if self.skip(":"):
            name, alias = self.name(), name
        arguments, directives = self.arguments(), self.directives()
        return Field(
            name, alias, arguments, directives, self.selections() if self.token.kind == "{" else None
        )

    def arguments(self) -> list[Argument]:
        return self.many("(", self.argument, ")") if self.token.kind == "(" else []

    def argument(self) -> Argument:
        name = self.name()
        self.expect(":")
        return Argument(name, self.value())

    def directives(self) -> list[Directive]:
        found = []
        while self.skip("@"):
            found.append(Directive(self.name(), self.arguments()))
        return found

    def value(self, *, constant: bool = False) -> Value:
        token = self.token
        if token.kind == "[":
            return self.list_literal(constant)
        if token.kind == "{":
            return self.object_literal(constant)
        if token.kind in ("Int", "Float", "String"):
            return Scalar(token.kind, self.advance().value)
        if token.kind == "Name" and token.value in ("true", "false"):
            return Scalar("Boolean", self.advance().value == "true")
        if token.kind == "Name" and token.value != "null":
            return Scalar("Enum", self.advance().value)
        if token.kind == "$" and not constant:
            return self.variable()
        raise self.unexpected()

    def list_literal(self, constant: bool) -> ListLiteral:
        self.expect("[")
        found = ListLiteral([])
        while not self.skip("]"):
            found.values.append(self.value(constant=constant))
        return found

    def object_literal(self, constant: bool) -> ObjectLiteral:
        self.expect("{")
        found = ObjectLiteral([])
        while not self.skip("}"):
            name = self.name()
            self.expect(":")
            found.fields.append((name, self.value(constant=constant)))
        return found
