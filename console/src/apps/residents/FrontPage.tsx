// The front page of the electronic health record (居民电子健康档案首页, 2024), and what a doctor looks at first.
import { Card, Col, Descriptions, Flex, Row, Statistic, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Nothing } from "~/ui/Nothing";
import { comma } from "~/ui/joining";
import { Entries } from "./Entries";
import { Linked } from "./Linked";
import { houseOf, type First } from "./view";

export function FrontPage({ view }: { view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const { houses } = view;
  return (
    <Row id="front-page" gutter={[12, 12]}>
      <Col xs={24} xl={14}>
        <Part title={t("basics.title")}><Basics view={view} /></Part>
      </Col>
      <Col xs={24} xl={10}>
        <Part title={t("allergies.title")}>
          <Entries entries={view.allergies} houses={houses} kind="allergies" none={t("allergies.none")} />
        </Part>
      </Col>
      <Col xs={24} xl={12}>
        <Part title={t("problems.title")}>
          <Entries entries={view.problems} houses={houses} kind="problems" none={t("problems.none")} />
        </Part>
      </Col>
      <Col xs={24} xl={12}>
        <Part title={t("medications.title")}>
          <Entries entries={view.medications} houses={houses} kind="medications" none={t("medications.none")} />
        </Part>
      </Col>
      <Col xs={24} xl={12}>
        <Part title={t("services.title")}>
          <Flex gap={24} wrap style={{ marginBottom: 8 }}>
            {view.events.map((one) => (
              <Statistic
                key={one.kind} title={t(`kinds.${one.kind}`)} value={one.count} suffix={t("times")}
                styles={{ content: { fontSize: 20 } }}
              />
            ))}
          </Flex>
          <Entries entries={view.latest} houses={houses} kind="visits" none={t("services.none")} />
        </Part>
      </Col>
      <Col xs={24} xl={12}>
        <Part title={t("linked.title", { count: view.registrations.length })}><Linked view={view} /></Part>
      </Col>
    </Row>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <Card size="small" title={<h2 style={{ fontSize: 15, margin: 0 }}>{title}</h2>} style={{ height: "100%" }}>{children}</Card>;
}

function Basics({ view }: { view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const { person } = view;
  const numbers = unique((person.numbers ?? []).map(([kind, number]) => [t(`numbers.${kind}`, { defaultValue: kind }), number.toUpperCase()].join(" ")));
  const contacts = (person.contacts ?? []).filter(([, name, phone]) => name || phone)
    .map(([kind, name, phone]) => [t(`relations.${kind}`, { defaultValue: kind }), name, phone].filter(Boolean).join(" "));
  const items: [string, ReactNode][] = [
    ["number", lines(numbers)],
    ["phone", lines(person.phones ?? [])],
    ["address", lines(person.addresses ?? [])],
    ["marital", person.marital ? t(`maritals.${person.marital}`, { defaultValue: "" }) : ""],
    ["nation", person.nation],
    ["work", person.work],
    ["insured", (person.insured ?? []).join(comma())],
    ["contact", lines(contacts)],
  ];
  const said = items.filter(([, text]) => text);
  if (said.length === 0) return <Nothing say={t("basics.none")} />;
  return (
    <>
      <Descriptions
        size="small" column={{ xs: 1, md: 2 }}
        items={said.map(([key, children]) => ({ key, label: t(`basics.${key}`), children }))}
      />
      {person.masked ? <Typography.Text type="secondary">{t("basics.masked")}</Typography.Text> : null}
      <Typography.Paragraph type="secondary" style={{ margin: "8px 0 0" }}>
        {t("basics.from", { houses: unique(view.registrations.map((one) => houseOf(view.houses, one.house)).filter(Boolean)).join(comma()) })}
      </Typography.Paragraph>
    </>
  );
}

const unique = (texts: string[]): string[] => [...new Set(texts)];

function lines(texts: string[]): ReactNode {
  return texts.length === 0 ? null : <span>{texts.map((one) => <div key={one}>{one}</div>)}</span>;
}
