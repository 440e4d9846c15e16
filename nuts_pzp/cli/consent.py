"""`nuts-pzp consent`: choices of patients that the holder keeps, and reading an answer of Mitz, offline.

`read` holds an answer against its question, trusts neither file and sends nothing; the other commands live in modules
of their own.

Exit codes: 0 the file is an answer to this question (whatever it decides), 3 it is refused, 2 the question or the call
is wrong. `--json` prints one line: {"outcome", "decisions", "class"} (docs/reference/consent.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from ..identity import Bsn, NotAnIdentifier, Purpose, Ura
from ..systems.mitz.answer import Decided, Refused, read
from ..systems.mitz.question import NotAQuestion, Party, Question, Responsible
from ..systems.mitz.scan import MAX_BYTES
from .consent_explain import explain
from .consent_record import OneChoice, record, revoke
from .consent_relation import relate, unrelate
from .consent_static import import_static, sign_static
from .plain_json import TwoMeanings, check_one_meaning

app = typer.Typer(help="Sharing consent: record, revoke, read.", no_args_is_help=True)
app.command("record", cls=OneChoice)(record)
app.command("revoke")(revoke)
app.command("relate")(relate)
app.command("unrelate")(unrelate)
app.command("explain")(explain)
app.command("import-static")(import_static)
app.command("sign-static")(sign_static)

REFUSED = 3


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class _Party(_Strict):
    ura: str
    type: str

    def party(self) -> Party:
        return Party(Ura.parse(self.ura), self.type)


class _Professional(_Strict):
    id: str
    role: str
    mandated: str | None = None


class _QuestionFile(_Strict):
    """QUESTION.json. `role` is the UZI role code; `message_id` is a bare UUID."""

    message_id: str
    bsn: str
    holder: _Party
    user: _Party
    professional: _Professional
    purpose: Literal["TREAT", "COC"]
    categories: list[str]

    def question(self) -> Question:
        """Raise ValueError, naming what is wrong and never a value."""
        try:
            message_id = UUID(self.message_id)
        except ValueError:
            raise NotAQuestion("message_id is not a UUID") from None
        who = Responsible(self.professional.id, self.professional.role, self.professional.mandated)
        return Question(
            message_id,
            Bsn(self.bsn),
            self.holder.party(),
            self.user.party(),
            who,
            Purpose(self.purpose),
            tuple(self.categories),
        )


@app.callback()
def consent() -> None:
    """Sharing consent: record, revoke, read."""


@app.command("read")
def read_answer(
    answer: Annotated[Path, typer.Argument(metavar="ANSWER.xml", help="The answer's bytes, as received")],
    question: Annotated[Path, typer.Option("--question", metavar="QUESTION.json", help="The question it answers")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Read one answer to the closed question as strictly as the gateway does. Exit 0: an answer; 3: refused."""
    asked = _question(question)
    found = read(_bytes(answer), asked)
    typer.echo(json.dumps(as_dict(found)) if as_json else in_words(found))
    raise typer.Exit(REFUSED if isinstance(found, Refused) else 0)


def as_dict(found: Decided | Refused) -> dict[str, object]:
    """Return the documented JSON object: `class` only when refused, `decisions` empty then."""
    if isinstance(found, Refused):
        return {"outcome": "refused", "decisions": {}, "class": found.flaw.value}
    return {"outcome": "answer", "decisions": {category: word.value for category, word in found.decisions}}


def in_words(found: Decided | Refused) -> str:
    """Return the line for people."""
    if isinstance(found, Refused):
        return f"refused: {found.flaw.value}"
    return "\n".join(f"{category}: {word.value}" for category, word in found.decisions)


def _question(path: Path) -> Question:
    try:
        content = _bytes(path)
        question = _QuestionFile.model_validate_json(content).question()
        check_one_meaning(content)
        return question
    except TwoMeanings as error:
        raise _wrong(f"question: the file: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _wrong(f"question: {where}: {first['msg']}") from None
    except (NotAnIdentifier, NotAQuestion) as error:
        raise _wrong(f"question: {error}") from None


def _bytes(path: Path) -> bytes:
    """Read one byte more than an answer may have, so that a larger one is seen and never loaded."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(f"{path.name}: {error.strerror}") from None


def _wrong(why: str) -> typer.Exit:
    """One line on standard error, exit 2."""
    typer.echo(f"consent read: {why}", err=True)
    return typer.Exit(2)
