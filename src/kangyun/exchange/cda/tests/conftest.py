"""Documents that tests read: made up here, of a fictitious division and a hospital of no town."""

import pytest

from kangyun.exchange.cda.reading import Feed

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="CN"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040"/>
<templateId root="2.16.156.10011.2.1.1.{template}"/><id root="2.16.156.10011.1.1" extension="D-1"/>
<code code="{code}" codeSystem="2.16.156.10011.2.4"/><title>文档</title><effectiveTime value="20260105101500"/>
<recordTarget><patientRole>{numbers}<patient><name>测试甲</name>
<administrativeGenderCode code="1" codeSystem="2.16.156.10011.2.3.3.4"/><birthTime value="19500312"/></patient>
</patientRole></recordTarget>
<author><time value="20260105101000"/><assignedAuthor><id root="2.16.156.10011.1.7" extension="E001"/>
<assignedPerson><name>演示医生甲</name></assignedPerson></assignedAuthor></author>
{stay}<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"""
NUMBERS = '<id root="2.16.156.10011.1.12" extension="ZY1"/><id root="2.16.156.10011.1.13" extension="B001"/>'
SECTION = (
    '<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><text/>{entries}</section></component>'
)


@pytest.fixture
def feed():
    return Feed("h990102", "Organization/h990102")


@pytest.fixture
def make_document():
    """Makes the text of a document of one section."""

    def make(section="29548-5", entries="", code="C0053", template=73, numbers=NUMBERS, stay=""):
        body = SECTION.format(code=section, entries=entries)
        return HEAD.format(code=code, template=template, numbers=numbers, stay=stay, sections=body)

    return make


@pytest.fixture
def observation():
    """Makes an entry of one observation."""

    def make(element, value, inside="", more=""):
        code = f'<code code="{element}" codeSystem="2.16.156.10011.2.2.1"/>'
        return f'<entry><observation classCode="OBS" moodCode="EVN">{code}{more}{value}{inside}</observation></entry>'

    return make
