// Of the family what the record knows, and what the resident has permitted and denied.
import { useQuery } from "@tanstack/react-query";
import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { houseOf, part, type Entry, type First, type Lines } from "./view";

export default function FamilyPart({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.family" });
  const { t: own } = useTranslation("translation", { keyPrefix: "residents" });
  const client = useClient();
  const family = useQuery({ queryKey: ["resident", id, "family"], queryFn: () => part<Lines>(client, id, "family") });
  const consents = useQuery({ queryKey: ["resident", id, "consents"], queryFn: () => part<Lines>(client, id, "consents") });
  const contacts = (view.person.contacts ?? []).filter(([, name, phone]) => name || phone).map(([kind, name, phone], place) => ({
    ref: `contact ${place}`, what: [own(`relations.${kind}`, { defaultValue: kind }), name].filter(Boolean).join(" "), detail: phone,
  }));
  const houses = family.data?.houses ?? [];
  return (
    <Flex vertical gap={16}>
      <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>{t("people")}</Typography.Title>
      <ProblemBox error={family.error} again={() => void family.refetch()} />
      <Rows<Entry>
        rowKey={(one) => one.ref ?? ""} loading={family.isPending} dataSource={[...contacts, ...(family.data?.entries ?? [])]}
        locale={{ emptyText: <Nothing say={t("nobody")} /> }}
        columns={[
          { title: t("who"), text: (one) => one.what },
          { title: t("detail"), text: (one) => one.detail ?? "" },
          { title: t("house"), text: (one) => houseOf(houses, one.house) },
        ]}
      />
      <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>{t("consents")}</Typography.Title>
      <ProblemBox error={consents.error} again={() => void consents.refetch()} />
      <Rows<Entry>
        rowKey={(one) => one.ref ?? ""} loading={consents.isPending} dataSource={consents.data?.entries ?? []}
        locale={{ emptyText: <Nothing say={t("no-consents")} /> }}
        columns={[
          { title: t("said"), text: (one) => t(`said-${one.states?.[1] ?? "permit"}`) },
          { title: t("what"), text: (one) => one.what },
          { title: t("whom"), text: (one) => one.detail ?? "" },
          { title: t("state"), text: (one) => t(`states.${one.states?.[0]}`, { defaultValue: "" }) },
          { title: t("from"), text: (one) => one.since || one.when || "" },
          { title: t("until"), text: (one) => one.until ?? "" },
        ]}
      />
    </Flex>
  );
}
