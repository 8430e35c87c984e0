// Emergency access: each time somebody broke the glass, and what its reviewer made of it.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Flex, Segmented, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { parameters, rowsOf } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Reasoned } from "~/ui/Reasoned";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";

export function Glass() {
  const { t } = useTranslation("translation", { keyPrefix: "trail" });
  const client = useClient();
  const queries = useQueryClient();
  const [all, setAll] = useState(false);
  const found = useQuery({
    queryKey: ["glass", all],
    queryFn: () => client.post<fhir4.Parameters>("$broken-glass", parameters({ all })),
  });
  const review = (id: number, justified: boolean) => async (remark: string) => {
    await client.post("$review-glass", parameters({ id, justified, remark }));
    await queries.invalidateQueries({ queryKey: ["glass"] });
  };
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={rowsOf(found.data, "access")} loading={found.isLoading} locale={{ emptyText: <Nothing say={t(all ? "never-broken" : "none-broken")} /> }}
        exported={{ title: t("glass"), about: (one) => String(one.patient ?? "") }}
        tools={<Segmented value={all ? "all" : "open"} onChange={(value) => setAll(value === "all")} options={[{ value: "open", label: t("to-review") }, { value: "all", label: t("every") }]} />}
        columns={[
          { title: t("since"), text: (one) => minuteOf(String(one.began ?? "")) },
          { title: t("agent"), text: (one) => String(one.actorName ?? "") },
          { title: t("institution"), text: (one) => String(one.institutionName ?? "") },
          { title: t("patient"), text: (one) => String(one.patient ?? "").replace("Patient/", "") },
          { title: t("why"), text: (one) => String(one.reason ?? "") },
          { title: t("told"), text: (one) => minuteOf(String(one.told ?? "")) },
          { title: t("verdict"), text: (one) => (one.reviewed === undefined ? "" : t(one.justified ? "justified" : "unjustified")), render: (_, one) => one.reviewed === undefined ? null : <Tag color={one.justified ? "green" : "red"}>{t(one.justified ? "justified" : "unjustified")}</Tag> },
          { title: t("remark"), text: (one) => String(one.remark ?? "") },
          {
            title: t("handle"),
            render: (_, one) => one.reviewed === undefined ? (
              <Flex gap={4}>
                <Reasoned optional type="primary" label={t("justified")} title={t("justified-say")} say={String(one.reason ?? "")} act={review(Number(one.id), true)} />
                <Reasoned danger label={t("unjustified")} title={t("unjustified-say")} say={String(one.reason ?? "")} act={review(Number(one.id), false)} />
              </Flex>
            ) : null,
          },
        ]}
      />
    </Flex>
  );
}
