// Codes in use, the most used first, each with what stands of it; where nothing does, with what it may stand for.
import { Button, Flex, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useInstitutions } from "~/fhir/institutions";
import { Nothing } from "~/ui/Nothing";
import { Rows } from "~/ui/Rows";
import { aside, clause, comma } from "~/ui/joining";
import { Propose } from "./Propose";
import { houseOf, type Code, type State, type Suggestion } from "./code";

interface Shown {
  rows: Code[];
  loading: boolean;
  state: State;
  target: string;
  onProposed: () => void;
  chosen: { rows: number[]; set: (rows: number[]) => void } | null;
  more: { has: boolean; fetching: boolean; fetch: () => void };
}

export function List({ rows, loading, state, target, onProposed, chosen, more }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "codes" });
  const [open, setOpen] = useState<{ code: Code; first?: Suggestion } | null>(null);
  const name = useInstitutions(rows.map((one) => houseOf(one.system)).filter(Boolean).map((id) => `Organization/${id}`));
  const stands = state === "unmapped"
    ? [
      {
        title: t("suggestions"), text: (one: Code) => one.suggestions.map((best) => `${best.target} ${best.name} ${best.score}`).join(clause()),
        render: (_: unknown, one: Code) => (
          <Flex vertical gap={2} align="flex-start">
            {one.suggestions.map((best) => (
              <Button key={best.target} size="small" type="link" style={{ paddingInline: 0, height: "auto", whiteSpace: "normal", textAlign: "start" }} onClick={() => setOpen({ code: one, first: best })}>
                {best.target} {best.name}{aside([t(`reasons.${best.reason}`), best.score].join(comma()))}
              </Button>
            ))}
            {one.suggestions.length ? null : <Typography.Text type="secondary">{t("no-suggestion")}</Typography.Text>}
          </Flex>
        ),
      },
      { title: t("do"), render: (_: unknown, one: Code) => <Button size="small" onClick={() => setOpen({ code: one })}>{t("propose")}</Button> },
    ]
    : [
      { title: t("target"), text: (one: Code) => (one.target ? `${one.target} ${one.targetName}` : t("states.unneeded")) },
      { title: t("relation"), text: (one: Code) => (one.relation ? t(`relations.${one.relation}`) : "") },
      { title: t("remark"), text: (one: Code) => remarkOf(one.remark, t) },
    ];
  return (
    <>
      <Rows<Code>
        rowKey="key" dataSource={rows} loading={loading} more={more} locale={{ emptyText: <Nothing say={t(`none.${state}`)} /> }}
        {...(chosen ? { rowSelection: {
          selectedRowKeys: rows.filter((one) => one.row !== null && chosen.rows.includes(one.row)).map((one) => one.key),
          onChange: (_: unknown, selected: Code[]) => chosen.set(selected.flatMap((one) => (one.row === null ? [] : [one.row]))),
        } } : {})}
        columns={[
          { title: t("institution"), text: (one) => name(`Organization/${houseOf(one.system)}`) || t("shared") },
          { title: t("code"), text: (one) => one.code },
          { title: t("name"), text: (one) => one.name },
          { title: t("unit"), text: (one) => [one.unit, one.specimen].filter(Boolean).join(" ") },
          { title: t("count"), text: (one) => one.count, align: "right" },
          { title: t("used"), text: (one) => [one.first, one.last].filter(Boolean).join(" – ") },
          { title: t("state"), text: (one) => t(one.ending ? "ending" : `states.${one.state}`), render: (_, one) => <Tag>{t(one.ending ? "ending" : `states.${one.state}`)}</Tag> },
          ...stands,
        ]}
      />
      {open ? <Propose code={open.code} target={target} {...(open.first ? { first: open.first } : {})} onClose={() => setOpen(null)} onDone={onProposed} /> : null}
    </>
  );
}

/** A remark that the platform made is the reason of a suggestion and its score: "name 97". */
function remarkOf(remark: string, t: (key: string, values?: Record<string, string>) => string): string {
  const [, reason = "", score = ""] = /^(code-and-name|national-map|name|code|similar) (\d+(?:\.\d+)?)$/.exec(remark) ?? [];
  return reason ? t("suggested-for", { reason: t(`reasons.${reason}`), score }) : remark;
}
