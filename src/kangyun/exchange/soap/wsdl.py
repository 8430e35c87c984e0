"""The description (WSDL 1.1) of a service, for both versions of SOAP, document and literal. Pure.

What a message holds is derived from its action's columns, and what an answer holds from its template, so that the
description cannot say anything else than the mapping does. Where a path is more than names of elements, anything is
described.

Source: https://www.w3.org/TR/2001/NOTE-wsdl-20010315, https://www.w3.org/Submission/wsdl11soap12/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lxml import etree

from kangyun.exchange.soap.mapping import Action, Adaptor
from kangyun.exchange.soap.mapping.answering import Part

WSDL, XSD = "http://schemas.xmlsoap.org/wsdl/", "http://www.w3.org/2001/XMLSchema"
BINDINGS = {"": "http://schemas.xmlsoap.org/wsdl/soap/", "12": "http://schemas.xmlsoap.org/wsdl/soap12/"}
HTTP = "http://schemas.xmlsoap.org/soap/http"
_STEP = re.compile(r"(?:[\w\-]+:)?([\w\-]+)")
Node: TypeAlias = etree._Element


@dataclass(slots=True)
class _Shape:
    """An element of a message: what it holds, and whether it may stand there several times."""

    parts: dict[str, "_Shape"] = field(default_factory=dict)
    attributes: list[str] = field(default_factory=list)
    repeated: bool = False
    anything: bool = False


def wsdl(adaptor: Adaptor, address: str) -> bytes:
    """Returns the description of a service at an address."""
    service = adaptor.service
    shapes = _shapes(adaptor)
    spaces = {"wsdl": WSDL, "xs": XSD, "tns": service.namespace}
    spaces |= {f"soap{suffix}": uri for suffix, uri in BINDINGS.items()}
    root = etree.Element(f"{{{WSDL}}}definitions", targetNamespace=service.namespace, name=service.name, nsmap=spaces)
    _documented(root, service.title)
    _types(root, service.namespace, shapes)
    operations = [name.removesuffix("Response") for name in shapes if name.endswith("Response")]
    titles = {name: action.title for name, action in adaptor.actions.items()}
    for name in operations:
        for element in (name, f"{name}Response"):
            message = etree.SubElement(root, f"{{{WSDL}}}message", name=element)
            etree.SubElement(message, f"{{{WSDL}}}part", name="parameters", element=f"tns:{element}")
    port = etree.SubElement(root, f"{{{WSDL}}}portType", name=f"{service.name}Port")
    for name in operations:
        operation = etree.SubElement(port, f"{{{WSDL}}}operation", name=name)
        _documented(operation, titles.get(name, service.title))
        etree.SubElement(operation, f"{{{WSDL}}}input", message=f"tns:{name}")
        etree.SubElement(operation, f"{{{WSDL}}}output", message=f"tns:{name}Response")
    for suffix, uri in BINDINGS.items():
        _binding(root, service.name, operations, suffix, uri)
    served = etree.SubElement(root, f"{{{WSDL}}}service", name=service.name)
    for suffix, uri in BINDINGS.items():
        name = f"{service.name}Soap{suffix}"
        one = etree.SubElement(served, f"{{{WSDL}}}port", name=name, binding=f"tns:{name}")
        etree.SubElement(one, f"{{{uri}}}address", location=address)
    whole: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return whole


def _shapes(adaptor: Adaptor) -> dict[str, _Shape]:
    method = adaptor.service.method
    if method is not None:
        asks = _Shape({method.action: _Shape(), method.message: _Shape()})
        return {method.name: asks, f"{method.name}Response": _Shape({method.result: _Shape()})}
    found: dict[str, _Shape] = {}
    for action in adaptor.service.actions:  # Those of `use` are described where they stand.
        found[action.name] = _asked(action)
        found[f"{action.name}Response"] = _answered(adaptor.template(action.name), adaptor.service.namespace)
    return found


def _asked(action: Action) -> _Shape:
    root = _Shape()
    rows = _steps(action.rows, []) if action.rows else []
    if rows is None:
        return _Shape(anything=True)
    for path in action.columns.values():
        steps = _steps(path, rows)
        if steps is None:
            return _Shape(anything=True)
        shape = root
        for step in steps:
            shape = shape.parts.setdefault(step, _Shape())
    shape = root
    for step in rows:
        shape = shape.parts.setdefault(step, _Shape())
    shape.repeated = bool(rows)
    return root


def _steps(path: str, base: list[str]) -> list[str] | None:
    """Returns the names that a path goes by from the message's element; None where it is more than names."""
    steps = list(base)
    for step in path.split("/"):
        named = _STEP.fullmatch(step)
        if step == "..":
            if not steps:
                return None
            steps.pop()
        elif named is None:
            return None
        else:
            steps.append(named[1])
    return steps


def _answered(part: Part, space: str) -> _Shape:
    if etree.QName(part.tag).namespace != space:
        return _Shape(anything=True)
    shape = _Shape(attributes=[name for name, _ in part.attributes], repeated=part.each is not None)
    for below in part.parts:
        shape.parts[etree.QName(below.tag).localname] = _answered(below, space)
    return shape


def _types(root: Node, space: str, shapes: Mapping[str, _Shape]) -> None:
    types = etree.SubElement(root, f"{{{WSDL}}}types")
    schema = etree.SubElement(types, f"{{{XSD}}}schema", targetNamespace=space, elementFormDefault="qualified")
    for name, shape in shapes.items():
        _element(schema, name, shape, top=True)


def _element(above: Node, name: str, shape: _Shape, *, top: bool = False) -> None:
    element = etree.SubElement(above, f"{{{XSD}}}element", name=name)
    if not top:
        element.set("minOccurs", "0")
        if shape.repeated:
            element.set("maxOccurs", "unbounded")
        if not (shape.parts or shape.attributes or shape.anything):
            element.set("type", "xs:string")
            return
    kind = etree.SubElement(element, f"{{{XSD}}}complexType")
    if shape.attributes and not shape.parts:
        kind = etree.SubElement(
            etree.SubElement(kind, f"{{{XSD}}}simpleContent"), f"{{{XSD}}}extension", base="xs:string"
        )
    else:
        sequence = etree.SubElement(kind, f"{{{XSD}}}sequence")
        for part, below in shape.parts.items():
            _element(sequence, part, below)
        if shape.anything:
            etree.SubElement(
                sequence, f"{{{XSD}}}any", minOccurs="0", maxOccurs="unbounded", processContents="lax"
            )  # fmt: skip
    for attribute in shape.attributes:
        etree.SubElement(kind, f"{{{XSD}}}attribute", name=attribute, type="xs:string")


def _binding(root: Node, service: str, operations: list[str], suffix: str, uri: str) -> None:
    binding = etree.SubElement(root, f"{{{WSDL}}}binding", name=f"{service}Soap{suffix}", type=f"tns:{service}Port")
    etree.SubElement(binding, f"{{{uri}}}binding", style="document", transport=HTTP)
    for name in operations:
        operation = etree.SubElement(binding, f"{{{WSDL}}}operation", name=name)
        etree.SubElement(operation, f"{{{uri}}}operation", soapAction="", style="document")
        for way in ("input", "output"):
            etree.SubElement(etree.SubElement(operation, f"{{{WSDL}}}{way}"), f"{{{uri}}}body", use="literal")


def _documented(element: Node, text: str) -> None:
    etree.SubElement(element, f"{{{WSDL}}}documentation").text = text
