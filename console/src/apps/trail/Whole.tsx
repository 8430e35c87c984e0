// Whether the trail is as it was sealed: the platform holds rows against seals, and seals against copies outside.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Alert, Button, Descriptions, Flex } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { Progress } from "~/ui/Progress";
import { Rows } from "~/ui/Rows";
import { numberOf } from "~/ui/sizes";

interface Verified {
  whole: boolean;
  rows: number;
  seals: number;
  waiting: number;
  late: number;
  copies: number;
  found: number;
  faults: { kind: string; seal: number; id: number }[];
}

export function Whole() {
  const { t } = useTranslation("translation", { keyPrefix: "trail" });
  const client = useClient();
  const standing = useQuery({ queryKey: ["trail", "standing"], queryFn: () => client.get<{ seals: number; copies: number }>("$administration/trail") });
  const verify = useMutation({ mutationFn: () => client.post<Verified>("$administration/trail/verify", {}) });
  const said = verify.data;
  const verdict = !said ? null : said.found ? "broken" : !said.whole ? "not-through" : said.late ? "late" : said.seals && !said.copies ? "not-compared" : "sound";
  return (
    <Flex vertical gap={12} align="flex-start">
      <Descriptions size="small" column={{ xs: 1, md: 2 }} bordered items={[
        { key: "seals", label: t("seals"), children: numberOf(standing.data?.seals ?? 0) },
        { key: "copies", label: t("copies"), children: numberOf(standing.data?.copies ?? 0) },
      ]} />
      <Button type="primary" loading={verify.isPending} onClick={() => verify.mutate()}>{t("verify")}</Button>
      <Progress busy={verify.isPending} say={t("verifying")} />
      <ProblemBox error={verify.error ?? standing.error} />
      {said && verdict ? (
        <Alert
          showIcon role="status" type={verdict === "sound" ? "success" : verdict === "broken" ? "error" : "warning"} title={t(`verdicts.${verdict}`, { count: said.found })}
          description={t("verified", { rows: numberOf(said.rows), seals: numberOf(said.seals), copies: numberOf(said.copies), waiting: numberOf(said.waiting) })}
        />
      ) : null}
      {said?.faults.length ? (
        <Rows
          rowKey={(one) => `${one.kind} ${one.seal} ${one.id}`} dataSource={said.faults} exported={{ title: t("faults") }}
          columns={[{ title: t("fault"), text: (one) => t(`kinds.${one.kind}`, { defaultValue: one.kind }) }, { title: t("seal"), dataIndex: "seal", text: (one) => one.seal }, { title: t("row"), text: (one) => one.id }]}
        />
      ) : null}
    </Flex>
  );
}
