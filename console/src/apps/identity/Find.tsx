// A person is looked for, to see the ledger: what was decided about who he is, and by whom.
import { useQuery } from "@tanstack/react-query";
import { Empty, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useClient } from "~/fhir/context";
import { entries, nameOf } from "~/fhir/reading";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { valuesOf } from "./said";

export function Find() {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const { t: all } = useTranslation();
  const client = useClient();
  const [asked, setAsked] = useState("");
  const found = useQuery({
    queryKey: ["identity", "find", asked],
    enabled: asked !== "",
    queryFn: async () => entries<fhir4.Patient>(await client.get<fhir4.Bundle>("Patient", { ...criteria(asked), _count: 50 })),
  });
  return (
    <>
      <Input.Search
        autoFocus allowClear enterButton={all("ui.search")} placeholder={t("find-by")} aria-label={t("find-by")} loading={found.isFetching}
        onSearch={(text) => setAsked(text.trim())} style={{ maxWidth: 560 }}
      />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<fhir4.Patient>
        dataSource={found.data ?? []} loading={found.isFetching} locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(asked ? "nobody" : "find-ask")} /> }}
        exported={{ title: t("registrations"), about: (one) => `Patient/${one.id}` }}
        columns={[
          { title: t("fields.name"), text: (one) => nameOf(one), render: (_, one) => <Link to={`/identity/person/${one.id}`}>{nameOf(one) || t("unnamed")}</Link> },
          { title: t("fields.birth"), text: (one) => one.birthDate ?? "" },
          { title: t("fields.sex"), text: (one) => (one.gender ? t(`sexes.${one.gender}`) : "") },
          { title: t("fields.number"), text: (one) => valuesOf(one, "number")[0] ?? "" },
          { title: t("fields.institution"), text: (one) => valuesOf(one, "institution")[0] ?? "" },
        ]}
      />
    </>
  );
}

/** A number is a telephone or an identifier; anything else is a name. */
function criteria(text: string): Record<string, string> {
  if (/^1\d{10}$/.test(text)) return { phone: text };
  return /\d/.test(text) ? { identifier: text } : { name: text };
}
