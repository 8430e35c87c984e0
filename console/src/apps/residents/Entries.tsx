// A short list of what the record says, each with its state in words, when, how often, and by whom.
import { Button, Flex, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Nothing } from "~/ui/Nothing";
import { houseOf, type Entry } from "./view";

const FEW = 8;
type Kind = "allergies" | "problems" | "medications" | "visits";

export function Entries({ entries, houses, kind, none }: { entries: Entry[]; houses: string[]; kind: Kind; none: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const [all, setAll] = useState(false);
  if (entries.length === 0) return <Nothing say={none} />;
  const shown = all ? entries : entries.slice(0, FEW);
  return (
    <>
      <ul style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {shown.map((one, place) => <li key={one.ref ?? place} style={{ padding: "4px 0" }}><Line entry={one} houses={houses} kind={kind} /></li>)}
      </ul>
      {entries.length > shown.length ? <Button type="link" size="small" onClick={() => setAll(true)}>{t("all", { count: entries.length })}</Button> : null}
    </>
  );
}

function Line({ entry, houses, kind }: { entry: Entry; houses: string[]; kind: Kind }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const states = (entry.states ?? []).map((one) => t(`states.${kind}.${one}`, { defaultValue: "" })).filter(Boolean);
  const isNow = (entry.states ?? []).some((one) => one === "active" || one === "high" || one === "recurrence");
  const when = kind === "problems" && entry.since ? t("since", { day: entry.since }) : entry.when ?? "";
  const facts = [when, (entry.times ?? 1) > 1 && kind !== "visits" ? t("so-often", { count: entry.times }) : "", houseOf(houses, entry.house)];
  return (
    <Flex gap={8} align="baseline" wrap>
      <Typography.Text strong={isNow || kind === "visits"}>{entry.what || t("no-reason")}</Typography.Text>
      {states.map((one) => <Tag key={one} color={isNow ? (kind === "allergies" ? "red" : "green") : "default"}>{one}</Tag>)}
      {entry.detail ? <Typography.Text>{entry.detail}</Typography.Text> : null}
      <Typography.Text type="secondary">{facts.filter(Boolean).join(" · ")}</Typography.Text>
    </Flex>
  );
}
