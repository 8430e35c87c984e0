// Who it is, what must be known at once, and what is not shown.
import { AlertOutlined, EyeOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Modal, Space, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ageOf } from "~/fhir/reading";
import { Hidden } from "~/ui/Hidden";
import { OpenPerson } from "./OpenPerson";
import { Ways } from "./Ways";
import type { First } from "./view";

export function Head({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const queries = useQueryClient();
  const [asks, setAsks] = useState<"person" | "record" | null>(null);
  const { person, hidden } = view;
  const registration = view.registrations[0]?.id ?? id;
  const refreshed = () => {
    setAsks(null);
    void queries.invalidateQueries({ queryKey: ["resident"] });
  };
  const age = ageOf(person.born);
  const facts = [person.sex ? t(`sexes.${person.sex}`) : "", age === null ? "" : t("years", { count: age }), person.born];
  const ask = hidden.ways?.length ? <Button size="small" onClick={() => setAsks("record")}>{t("ask-resident")}</Button> : null;
  return (
    <Flex vertical gap={8}>
      <Flex justify="space-between" align="flex-start" gap={8} wrap>
        <Flex gap={12} align="baseline" wrap>
          <Typography.Title level={1} style={{ fontSize: 22, margin: 0 }}>{person.name || t("nameless")}</Typography.Title>
          <Typography.Text>{facts.filter(Boolean).join(" · ")}</Typography.Text>
          {person.died ? <Tag>{t("died", { day: person.died === "yes" ? "" : person.died })}</Tag> : null}
          {view.way ? <Typography.Text type="secondary">{t("by-way", { way: t(`grounds.${view.way}`) })}</Typography.Text> : null}
        </Flex>
        {person.masked ? <Button icon={<EyeOutlined />} onClick={() => setAsks("person")}>{t("open-person")}</Button> : null}
      </Flex>
      <Space wrap size={4} role="list" aria-label={t("marks.title")}>
        {view.marks.map((one) => (
          <Tag key={`${one.kind}/${one.code}`} role="listitem" color={one.kind === "chronic" || one.kind === "infectious" ? "orange" : "blue"}>
            {t(`marks.${one.code}`)}{one.what ? ` ${one.what}` : ""}
          </Tag>
        ))}
        {view.allergies.map((one) => (
          <Tag key={one.ref} role="listitem" color="red" icon={<AlertOutlined />}>{t("allergic", { what: one.what })}</Tag>
        ))}
        {view.alerts.map((one) => <Tag key={one.ref} role="listitem" color="red" icon={<AlertOutlined />}>{one.what}</Tag>)}
      </Space>
      <Hidden count={hidden.count ?? 0}>{ask}</Hidden>
      {hidden.closed ? <Hidden count={1} say={t("closed")}>{hidden.count ? null : ask}</Hidden> : null}
      <Modal open={asks === "person"} title={t("open-person")} footer={null} destroyOnHidden onCancel={() => setAsks(null)}>
        <OpenPerson registration={registration} onOpened={refreshed} />
      </Modal>
      <Modal open={asks === "record"} title={t("ask-resident")} footer={null} destroyOnHidden onCancel={() => setAsks(null)}>
        <Ways ways={hidden.ways ?? []} target={{ id: registration }} onOpened={refreshed} />
      </Modal>
    </Flex>
  );
}
