// Documents and reports of all institutions; one is opened through the platform, which writes down who opened it.
import { useQuery } from "@tanstack/react-query";
import { Button, Drawer, Skeleton } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { Document } from "./Document";
import { houseOf, part, type Entry, type First, type Lines } from "./view";

export default function DocumentsPart({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const client = useClient();
  const [open, setOpen] = useState<Entry | null>(null);
  const found = useQuery({ queryKey: ["resident", id, "documents"], queryFn: () => part<Lines>(client, id, "documents") });
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  const { entries, houses } = found.data;
  const kindOf = (one: Entry) => t(`documents.types.${one.ref?.split("/")[0]}`);
  return (
    <>
      <Rows<Entry>
        rowKey={(one) => one.ref ?? ""} dataSource={entries} locale={{ emptyText: <Nothing say={t("documents.none")} /> }}
        exported={{ title: t("documents.title"), about: () => `Patient/${view.person.id}` }}
        columns={[
          { title: t("documents.when"), text: (one) => one.when ?? "" },
          {
            title: t("documents.what"), text: (one) => one.what,
            render: (_, one) => <Button type="link" size="small" style={{ padding: 0 }} onClick={() => setOpen(one)}>{one.what}</Button>,
          },
          { title: t("documents.type"), text: kindOf },
          { title: t("documents.house"), text: (one) => houseOf(houses, one.house) },
        ]}
      />
      <Drawer open={open !== null} title={open?.what} size="large" destroyOnHidden onClose={() => setOpen(null)}>
        {open?.ref ? <Document reference={open.ref} /> : null}
      </Drawer>
    </>
  );
}
