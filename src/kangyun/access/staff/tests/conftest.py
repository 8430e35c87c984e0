"""A register for tests of lists of staff, and lists as people send them."""

import io
from dataclasses import dataclass, field, replace

import pytest
from openpyxl import Workbook

from kangyun.access.people import People
from kangyun.base.errors import Conflict

HEADER = ("工号", "姓名", "机构", "科室", "角色", "执业证书编码", "离职日期")


@pytest.fixture
def csv_of():
    """Makes a CSV of rows below the header."""
    return lambda rows: "\r\n".join(",".join(row) for row in (HEADER, *rows)).encode()


@dataclass(frozen=True)
class Post:
    role: str
    institution: str


@dataclass(frozen=True)
class Known:
    id: int
    reference: str
    institution: str
    name: str
    posts: tuple
    status: str = "admitted"

    @property
    def roles(self):
        return tuple(post.role for post in self.posts)


@dataclass
class PaperRegister:
    """As much of the register of identities as a list of staff uses, in memory."""

    people: dict = field(default_factory=dict)
    passwords: dict = field(default_factory=dict)
    events: list = field(default_factory=list)

    async def admit(self, kind, reference, institution, name, *, roles, vouched_by, evidence, licence=None,
                    department=None, handle=None):  # fmt: skip
        if await self.find(reference):
            raise Conflict
        id_ = len(self.people) + 1
        self.people[id_] = Known(id_, reference, institution, name, tuple(Post(role, institution) for role in roles))
        self.events.append(("admit", name, handle))
        return id_

    async def find(self, name):
        return next((one for one in self.people.values() if one.reference == name and one.status != "left"), None)

    async def leave(self, identity, by, why):
        self.people[identity] = replace(self.people[identity], status="left", posts=())
        self.events.append(("leave", self.people[identity].name, by))

    async def give_role(self, identity, role, institution, by, *, until=None):
        one = self.people[identity]
        self.people[identity] = replace(one, posts=(*one.posts, Post(role, institution)))
        self.events.append(("give", one.name, role))

    async def take_role(self, identity, role, institution, by, why):
        one = self.people[identity]
        posts = tuple(post for post in one.posts if post != Post(role, institution))
        self.people[identity] = replace(one, posts=posts)
        self.events.append(("take", one.name, role))

    async def suspend_all(self, institution, by, why):
        self.events.append(("suspend-all", institution, by))

    async def resume_all(self, institution, by, why):
        self.events.append(("resume-all", institution, by))

    async def set_password(self, identity, password, *, initial=False):
        self.passwords[identity] = password


@pytest.fixture
def register(monkeypatch):
    """The register that every platform of this test is opened with."""
    paper = PaperRegister()
    monkeypatch.setattr(People, "known", lambda self, register, entry: replace(self, register=paper, entry=entry))
    return paper


@pytest.fixture
def workbook():
    """Makes a workbook: `workbook([...rows])`, with the header of the template unless another is given."""

    def make(rows, header=HEADER, above=()):
        book = Workbook()
        for row in (*above, header, *rows):
            book.active.append(list(row))
        sink = io.BytesIO()
        book.save(sink)
        return sink.getvalue()

    return make
