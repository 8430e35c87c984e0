// Rows that were refused: which one of which delivery, which column, the masked value, and why.
import { Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Nothing } from "~/ui/Nothing";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import type { Refusal } from "./feed";

interface Shown {
  rows: Refusal[];
  title: string;
  loading: boolean;
  empty: string;
  more?: { has: boolean; fetching: boolean; fetch: () => void };
  tools?: React.ReactNode;
}

export function RefusalTable({ rows, title, loading, empty, more, tools }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  return (
    <Rows<Refusal & { key: string }>
      rowKey="key" dataSource={rows.map((one, nth) => ({ ...one, key: `${one.delivery}-${one.row}-${one.part}-${nth}` }))} loading={loading}
      exported={{ title }} locale={{ emptyText: <Nothing say={empty} /> }} tools={tools} {...(more ? { more } : {})}
      columns={[
        { title: t("number"), text: (one) => one.delivery, align: "right" },
        { title: t("row"), text: (one) => one.row ?? "", align: "right" },
        { title: t("table"), text: (one) => one.table ?? "" },
        { title: t("column"), text: (one) => one.part },
        { title: t("value"), text: (one) => one.shown },
        { title: t("why-refused"), text: (one) => one.why, render: (_, one) => <Typography.Text style={{ display: "block", minWidth: 240, maxWidth: 480, whiteSpace: "normal" }}>{one.why}</Typography.Text> },
        { title: t("came-of-it"), text: (one) => t(one.whole ? "row-refused" : "value-left"), render: (_, one) => <Tag color={one.whole ? "error" : "warning"}>{t(one.whole ? "row-refused" : "value-left")}</Tag> },
        { title: t("received-at"), text: (one) => minuteOf(one.received) },
      ]}
    />
  );
}
