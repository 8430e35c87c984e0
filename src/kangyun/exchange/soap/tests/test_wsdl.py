"""The description of a service, by a client that others use, and what it makes of it."""

import pytest
import zeep
from lxml import etree

from kangyun.exchange.soap.services import services
from kangyun.exchange.soap.wsdl import wsdl

K = "urn:kangyun:soap:1"


@pytest.fixture
def client(tmp_path):
    """A client that was made of a service's description: `client("hip")`."""

    def make(name):
        file = tmp_path / f"{name}.wsdl"
        file.write_bytes(wsdl(services()[name], f"http://127.0.0.1:1/soap/{name}"))
        return zeep.Client(str(file))

    return make


@pytest.mark.parametrize("name", ["kangyun", "hip", "call"])
def test_a_common_client_understands_it(client, name):
    made = client(name)
    ports = made.wsdl.services[name].ports
    assert sorted(ports) == [f"{name}Soap", f"{name}Soap12"]
    assert [port.binding.transport for port in ports.values()] == ["http://schemas.xmlsoap.org/soap/http"] * 2


def test_every_action_is_described(client):
    operations = client("kangyun").wsdl.services["kangyun"].ports["kangyunSoap"].binding.all()
    assert sorted(operations) == sorted(services()["kangyun"].actions)


@pytest.mark.parametrize("port", ["kangyunSoap", "kangyunSoap12"])
def test_what_the_client_sends_is_what_the_mapping_reads(client, port):
    made = client("kangyun")
    service = made.bind("kangyun", port)
    resident = {"CardType": "01", "CardNumber": "A1", "Name": "张三"}
    sent = made.create_message(service, "ResidentRegister", Resident=[resident, resident])
    payload = next(part for part in sent.iter(f"{{{K}}}ResidentRegister"))
    called = services()["kangyun"].called(payload)
    assert called.action == "ResidentRegister"
    assert [row[1:3] for row in called.rows] == [("01", "A1")] * 2


@pytest.mark.parametrize(
    ("name", "method", "given"),
    [
        ("hip", "HIPMessageServer", {"action": "TimeQuery", "message": f'<TimeQuery xmlns="{K}"/>'}),
        ("call", "Call", {"FuncCode": "TimeQuery", "input": f'<TimeQuery xmlns="{K}"/>'}),
    ],
)
def test_one_method_is_called_by_its_parameters(client, name, method, given):
    made = client(name)
    sent = made.create_message(made.service, method, **given)
    payload = sent.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")[0]
    assert services()[name].called(payload).action == "TimeQuery"


def test_what_is_answered_is_what_is_described(client):
    adaptor, made = services()["kangyun"], client("kangyun")
    patient = {
        "resourceType": "Patient", "id": "p1", "name": [{"text": "张三"}], "gender": "male",
        "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
    }  # fmt: skip
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": patient, "search": {"mode": "match"}}],
    }
    asked = etree.fromstring(f'<ResidentQuery xmlns="{K}"><CardNumber>1</CardNumber></ResidentQuery>')
    answer = adaptor.answer(adaptor.called(asked), bundle)
    read = made.get_element(f"{{{K}}}ResidentQueryResponse").parse(answer, made.wsdl.types)
    (resident,) = read.Resident
    assert (resident.Name, resident.Sex) == ("张三", "1")
    assert [(one["_value_1"], one.system) for one in resident.Number] == [("1", "urn:a"), ("2", "urn:b")]
