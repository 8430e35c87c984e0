// The rules by which scores are reckoned, as the region has set them.
import { useQuery } from "@tanstack/react-query";
import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { comma } from "~/ui/joining";
import { rulesOf } from "./quality";

export function RulesTold() {
  const { t } = useTranslation("translation", { keyPrefix: "feed_quality" });
  const client = useClient();
  const found = useQuery({ queryKey: ["quality-rules"], queryFn: async () => rulesOf(await client.get<fhir4.Parameters>("MeasureReport/$feed-quality-rules")) });
  const rules = found.data;
  return (
    <Flex vertical gap={16}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Typography.Text type="secondary">{t("rules-say", { edition: rules?.edition ?? "" })}</Typography.Text>
      <Rows
        rowKey="dimension" loading={found.isPending} dataSource={rules?.weights ?? []}
        columns={[
          { title: t("dimension"), dataIndex: "dimension", text: (one) => t(`dimensions.${one.dimension}`) },
          { title: t("weight"), dataIndex: "parts", text: (one) => one.parts, align: "right" },
          { title: t("means"), text: (one) => t(`means-of.${one.dimension}`), render: (_, one) => <span style={{ display: "block", whiteSpace: "normal", minWidth: 160, maxWidth: 320 }}>{t(`means-of.${one.dimension}`)}</span> },
        ]}
      />
      <Rows
        rowKey="name" loading={found.isPending} dataSource={rules?.grades ?? []}
        columns={[{ title: t("grade"), text: (one) => t(`grades.${one.name}`, { defaultValue: one.name }) }, { title: t("least"), text: (one) => one.least, align: "right" }]}
      />
      <Rows
        rowKey="table" loading={found.isPending} dataSource={rules?.tables ?? []} exported={{ title: t("looked-at") }}
        columns={[
          { title: t("table"), text: (one) => one.table },
          { title: t("looked-at"), text: (one) => one.fields.join(comma()), render: (_, one) => <span style={{ display: "block", whiteSpace: "normal", maxWidth: 360, overflowWrap: "anywhere" }}>{one.fields.join(comma())}</span> },
        ]}
      />
    </Flex>
  );
}
