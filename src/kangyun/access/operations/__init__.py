"""The operations that the platform itself brings, one file each: FHIR resources in and out, through the record's door.

`OPERATIONS` is the whole of it: addresses, documents and the CapabilityStatement are made from this table.

Source: https://hl7.org/fhir/R4/operationslist.html
"""

from functools import partial

from kangyun.access.opened import PERSONS
from kangyun.access.operations.alerts import alert, alerts
from kangyun.access.operations.break_glass import break_glass, broken_glass, review_glass
from kangyun.access.operations.certificates import TYPES, bind_certificate, end_certificate
from kangyun.access.operations.choices import choose, look_at_choices
from kangyun.access.operations.erase import erase
from kangyun.access.operations.everything import everything
from kangyun.access.operations.expunge import expunge
from kangyun.access.operations.family import (
    OWN_WORK,
    family,
    family_answer,
    family_ask,
    family_change,
    family_desk,
    family_end,
)
from kangyun.access.operations.ihe_pix import ihe_pix
from kangyun.access.operations.look_questions import answer_look, ask_look, look_questions
from kangyun.access.operations.match import match
from kangyun.access.operations.merging import merge, part
from kangyun.access.operations.messages import (
    held_back,
    message_preferences,
    message_read,
    messages,
    outbox,
    prefer_messages,
)
from kangyun.access.operations.meta import meta, meta_add, meta_delete
from kangyun.access.operations.model import Call, Excerpt, Input, Level, Operation
from kangyun.access.operations.open import open_
from kangyun.access.operations.open_record import ask_word, open_record, show_code
from kangyun.access.operations.sign import sign
from kangyun.access.operations.terminology import answered
from kangyun.access.operations.validate import validate
from kangyun.access.operations.verify_signature import verify_signature
from kangyun.access.operations.who_is_who import answer_link, link, link_questions, links, not_mine, undo_link
from kangyun.access.operations.who_looked import who_looked
from kangyun.fhir import terminology
from kangyun.fhir.definitions import definitions

__all__ = ["ELSEWHERE", "OPERATIONS", "OWN_WORK", "Call", "Excerpt", "Input", "Level", "Operation", "find"]

_DEFINED = "http://hl7.org/fhir/OperationDefinition/"
_EVERYWHERE: frozenset[Level] = frozenset({"system", "type", "instance"})
_BOTH: frozenset[Level] = frozenset({"type", "instance"})
_SYSTEM: frozenset[Level] = frozenset({"system"})
_INSTANCE: frozenset[Level] = frozenset({"instance"})
_TYPE: frozenset[Level] = frozenset({"type"})
_PATIENT = frozenset({"Patient"})
_PAGE = (Input("_since", "instant"), Input("_type", "code", True), Input("_count", "integer"))
_CODED = (Input("code", "code"), Input("system", "uri"), Input("coding", "Coding"))
_RIGHTS = Input("right", "code", True)
_CLAIMED = (
    Input("url", "uri"), *_CODED, Input("codeableConcept", "CodeableConcept"), Input("display", "string"),
    Input("abstract", "boolean"), Input("displayLanguage", "code"),
)  # fmt: skip
# What a client may say to each terminology operation: as the specification names it, what is refused left out.
_TERMINOLOGY: dict[tuple[str, str], tuple[Input, ...]] = {
    ("CodeSystem", "lookup"): (
        *_CODED, Input("version", "string"), Input("displayLanguage", "code"), Input("property", "code", True),
    ),
    ("CodeSystem", "validate-code"): (*_CLAIMED, Input("version", "string"), Input("codeSystem", "CodeSystem")),
    ("CodeSystem", "subsumes"): (
        Input("codeA", "code"), Input("codeB", "code"), Input("system", "uri"), Input("version", "string"),
        Input("codingA", "Coding"), Input("codingB", "Coding"),
    ),
    ("ValueSet", "expand"): (
        Input("url", "uri"), Input("valueSet", "ValueSet"), Input("valueSetVersion", "string"),
        Input("filter", "string"), Input("offset", "integer"), Input("count", "integer"),
        Input("includeDesignations", "boolean"), Input("designation", "string", True),
        Input("includeDefinition", "boolean"), Input("activeOnly", "boolean"), Input("excludeNested", "boolean"),
        Input("excludeNotForUI", "boolean"), Input("excludePostCoordinated", "boolean"),
        Input("displayLanguage", "code"), Input("exclude-system", "canonical", True),
    ),
    ("ValueSet", "validate-code"): (
        *_CLAIMED, Input("valueSet", "ValueSet"), Input("valueSetVersion", "string"), Input("systemVersion", "string"),
    ),
    ("ConceptMap", "translate"): (
        Input("url", "uri"), Input("conceptMap", "ConceptMap"), Input("conceptMapVersion", "string"), *_CODED,
        Input("version", "string"), Input("source", "uri"), Input("codeableConcept", "CodeableConcept"),
        Input("target", "uri"), Input("targetsystem", "uri"), Input("reverse", "boolean"),
    ),
}  # fmt: skip


def _resource(inputs: tuple[Input, ...]) -> str | None:
    """Returns the name of the input that is a resource: it may be the body itself."""
    return next((one.name for one in inputs if one.type in definitions().resource_types), None)


def _strings(*names: str) -> tuple[Input, ...]:
    return tuple(Input(name, "string") for name in names)


def _everything(type_: str, levels: frozenset[Level]) -> Operation:
    return Operation(
        "everything", levels, everything, f"{_DEFINED}{type_}-everything",
        (Input("start", "date"), Input("end", "date"), *_PAGE), frozenset({type_}),
    )  # fmt: skip


OPERATIONS: tuple[Operation, ...] = (
    _everything("Patient", _BOTH),
    _everything("Encounter", _INSTANCE),
    Operation(
        "validate", _BOTH, validate, f"{_DEFINED}Resource-validate",
        (Input("resource", "Resource"), Input("mode", "code"), Input("profile", "uri", True)), body="resource",
    ),
    Operation("meta", _EVERYWHERE, meta, f"{_DEFINED}Resource-meta", on_versions=True),
    *(
        Operation(
            name, _INSTANCE, carry_out, f"{_DEFINED}Resource-{name}", (Input("meta", "Meta"),),
            affects_state=True, on_versions=True,
        )
        for name, carry_out in (("meta-add", meta_add), ("meta-delete", meta_delete))
    ),
    Operation(
        "expunge", _EVERYWHERE, expunge, "urn:kangyun:operation:expunge",
        (
            Input("expungeDeletedResources", "boolean"), Input("expungePreviousVersions", "boolean"),
            Input("expungeEverything", "boolean"), Input("limit", "integer"),
        ),
        affects_state=True,
    ),
    Operation(
        "open", _INSTANCE, open_, "urn:kangyun:operation:open", (Input("reason", "string"),), PERSONS,
        affects_state=True,
    ),
    Operation(
        "break-glass", _BOTH, break_glass, "urn:kangyun:operation:break-glass",
        (Input("reason", "string"), Input("identifier", "string")), frozenset({"Patient"}), affects_state=True,
    ),
    Operation(
        "broken-glass", _SYSTEM, broken_glass, "urn:kangyun:operation:broken-glass", (Input("all", "boolean"),),
    ),
    Operation(
        "review-glass", _SYSTEM, review_glass, "urn:kangyun:operation:review-glass",
        (Input("id", "integer"), Input("justified", "boolean"), Input("remark", "string")), affects_state=True,
    ),
    Operation(
        "show-code", _INSTANCE, show_code, "urn:kangyun:operation:show-code", (), frozenset({"Patient"}),
        affects_state=True,
    ),
    Operation(
        "ask-word", _BOTH, ask_word, "urn:kangyun:operation:ask-word",
        (Input("identifier", "string"), Input("channel", "code"), Input("phone", "string")), frozenset({"Patient"}),
        affects_state=True,
    ),
    Operation(
        "open-record", _BOTH, open_record, "urn:kangyun:operation:open-record",
        (
            Input("code", "string"), Input("word", "string"), Input("challenge", "string"), Input("reader", "string"),
            Input("identifier", "string"),
        ),
        frozenset({"Patient"}), affects_state=True,
    ),
    Operation(
        "sign", _INSTANCE, sign, "urn:kangyun:operation:sign",
        (
            Input("certificate", "base64Binary", True), Input("purpose", "Coding"), Input("protected", "string"),
            Input("signature", "base64Binary"),
        ),
        affects_state=True,
    ),
    Operation(
        "verify-signature", _BOTH, verify_signature, "urn:kangyun:operation:verify-signature",
        (Input("resource", "Resource"), Input("signature", "Signature", True)), body="resource",
    ),
    *(
        Operation(
            name, _INSTANCE, carry_out, f"urn:kangyun:operation:{name}", (Input("certificate", "base64Binary"),), TYPES,
            affects_state=True,
        )
        for name, carry_out in (("bind-certificate", bind_certificate), ("end-certificate", end_certificate))
    ),
    Operation(
        "erase", _INSTANCE, erase, "urn:kangyun:operation:erase",
        (
            Input("reason", "string"), Input("patient", "string", True), Input("request", "integer"),
            Input("confirm", "boolean"),
        ),
        frozenset({"Patient"}), affects_state=True,
    ),
    Operation(
        "alerts", _SYSTEM, alerts, "urn:kangyun:operation:alerts",
        (Input("state", "code", True), Input("rule", "code"), Input("_count", "integer")),
    ),
    Operation(
        "alert", _SYSTEM, alert, "urn:kangyun:operation:alert",
        (Input("id", "integer"), Input("state", "code"), Input("reason", "string")), affects_state=True,
    ),
    Operation(
        "who-looked", _INSTANCE, who_looked, "urn:kangyun:operation:who-looked",
        (Input("start", "date"), Input("end", "date"), Input("_count", "integer")), frozenset({"Patient"}),
    ),
    *(
        Operation(name, _INSTANCE, carry_out, f"urn:kangyun:operation:{name}", inputs, _PATIENT, affects_state=True)
        for name, carry_out, inputs in (
            ("link", link, (Input("to", "string"), Input("reason", "string"))),
            ("part", part, (Input("from", "string"), Input("reason", "string"))),
            ("not-mine", not_mine, (Input("reason", "string"),)),
        )
    ),
    Operation(
        "match", _TYPE, match, f"{_DEFINED}Patient-match",
        (Input("resource", "Patient"), Input("onlyCertainMatches", "boolean"), Input("count", "integer")), _PATIENT,
        body="resource",
    ),
    Operation(
        "ihe-pix", _TYPE, ihe_pix, "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
        (Input("sourceIdentifier", "string"), Input("targetSystem", "uri", True)), _PATIENT,
    ),
    Operation(
        "merge", _TYPE, merge, "urn:kangyun:operation:merge",
        (
            Input("source-patient", "Reference"), Input("source-patient-identifier", "Identifier", True),
            Input("target-patient", "Reference"), Input("target-patient-identifier", "Identifier", True),
            Input("preview", "boolean"), Input("reason", "string"),
        ),
        _PATIENT, affects_state=True,
    ),
    *(
        Operation(name, _SYSTEM, carry_out, f"urn:kangyun:operation:{name}", inputs)
        for name, carry_out, inputs in (
            ("messages", messages, (Input("unread", "boolean"), Input("_count", "integer"))),
            ("held-back", held_back, (Input("days", "integer"),)),
            ("message-preferences", message_preferences, ()),
            ("outbox", outbox, ()),
        )
    ),
    *(
        Operation(name, _SYSTEM, carry_out, f"urn:kangyun:operation:{name}", inputs, affects_state=True)
        for name, carry_out, inputs in (
            ("message-read", message_read, (Input("id", "integer", True), Input("answered", "boolean"))),
            (
                "prefer-messages", prefer_messages,
                (
                    Input("channel", "code", True), Input("night-begins", "time"), Input("night-ends", "time"),
                    Input("language", "code"),
                ),
            ),
        )
    ),
    Operation("choices", _INSTANCE, look_at_choices, "urn:kangyun:operation:choices", (), _PATIENT),
    Operation(
        "choose", _INSTANCE, choose, "urn:kangyun:operation:choose", (*_strings("choice"), Input("on", "boolean")),
        _PATIENT, affects_state=True,
    ),
    Operation(
        "ask-look", _INSTANCE, ask_look, "urn:kangyun:operation:ask-look",
        (Input("kind", "code"), *_strings("words", "text", "first", "who")), _PATIENT, affects_state=True,
    ),
    Operation("look-questions", _SYSTEM, look_questions, "urn:kangyun:operation:look-questions"),
    Operation(
        "answer-look", _SYSTEM, answer_look, "urn:kangyun:operation:answer-look",
        (Input("id", "integer"), *_strings("words")), affects_state=True,
    ),
    Operation("family", _SYSTEM, family, "urn:kangyun:operation:family"),
    *(
        Operation(name, _SYSTEM, carry_out, f"urn:kangyun:operation:{name}", inputs, affects_state=True)
        for name, carry_out, inputs in (
            ("family-ask", family_ask, (*_strings("name", "phone"), Input("relation", "code"), _RIGHTS)),
            ("family-answer", family_answer, (*_strings("ask"), _RIGHTS, Input("withdraw", "boolean"))),
            ("family-change", family_change, (*_strings("tie"), _RIGHTS)),
            ("family-end", family_end, _strings("tie")),
            ("family-desk", family_desk, (*_strings("digits", "name", "number", "evidence"), _RIGHTS)),
        )
    ),
    Operation("links", _INSTANCE, links, "urn:kangyun:operation:links", (), _PATIENT),
    Operation(
        "link-questions", _SYSTEM, link_questions, "urn:kangyun:operation:link-questions",
        (
            Input("_count", "integer"), Input("_after", "integer"), Input("kind", "code"), Input("counts", "boolean"),
            Input("answered", "boolean"),
        ),
    ),
    *(
        Operation(name, _SYSTEM, carry_out, f"urn:kangyun:operation:{name}", inputs, affects_state=True)
        for name, carry_out, inputs in (
            ("undo-link", undo_link, (Input("id", "integer"), Input("reason", "string"))),
            (
                "answer-link", answer_link,
                (Input("id", "integer"), Input("same", "boolean"), Input("reason", "string")),
            ),
        )
    ),
    *(
        Operation(
            name, _BOTH, partial(answered, name, carry_out), f"{_DEFINED}{type_}-{name}",
            _TERMINOLOGY[type_, name], frozenset({type_}), body=_resource(_TERMINOLOGY[type_, name]),
        )
        for (type_, name), carry_out in terminology.OPERATIONS.items()
    ),
)  # fmt: skip
"""Ordered as documents show them."""


ELSEWHERE = frozenset(
    (
        "export", "import", "bulk-status", "bulk-file", "approvals", "confirm", "refuse", "resident-desk",
        "resident-unbind", "codes", "codes-decide", "codes-import", "codes-propose", "codes-suggest",
        "staff-import", "staff-template",
        "factors", "enrol", "permit", "remove", "closure", "match", "lastn", "stats", "graphql", "document",
        "document-cn", "process-message", "versions", "reindex", "diff", "convert", "status", "find", "find-matches",
        "feeds", "soap", "exam", "sheet", "administration", "residents", "view", "overview",
    )
)  # fmt: skip
"""Names that are answered elsewhere, or that the specification and its users know: no app takes one of them."""


def find(name: str, type_: str | None, level: Level) -> Operation | None:
    """Returns the operation of a name on a level and type, None where there is none."""
    named = (one for one in OPERATIONS if one.name == name and level in one.levels)
    return next((one for one in named if one.types is None or type_ in one.types), None)
