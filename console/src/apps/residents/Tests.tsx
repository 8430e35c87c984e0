// What was measured anywhere, item by item: the newest results as a list, and one item's course with what counts as normal.
import { useQuery } from "@tanstack/react-query";
import { Button, Flex, Input, Segmented, Skeleton } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { Trend } from "./Trend";
import { bandSaid, flagSaid, newest, unitSaid } from "./measuring";
import { houseOf, part, type First, type Test, type Tests } from "./view";

const keyOf = (one: Test): string => `${one.code} ${one.unit ?? ""}`;

export default function TestsPart({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const client = useClient();
  const [kind, setKind] = useState("all");
  const [wanted, setWanted] = useState("");
  const [chosen, setChosen] = useState("");
  const found = useQuery({ queryKey: ["resident", id, "tests"], queryFn: () => part<Tests>(client, id, "tests") });
  const rows = useMemo(
    () => (found.data?.tests ?? []).filter((one) => (kind === "all" || one.kind === kind) && one.what.includes(wanted.trim())),
    [found.data, kind, wanted],
  );
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  const { tests, houses } = found.data;
  if (tests.length === 0) return <Nothing say={t("tests.none")} />;
  const shown = tests.find((one) => keyOf(one) === chosen) ?? rows.find((one) => (one.points?.length ?? 0) > 1);
  const kinds = ["all", ...new Set(tests.map((one) => one.kind))];
  return (
    <Flex vertical gap={12}>
      {shown ? <Trend test={shown} houses={houses} others={tests.filter((one) => one.code === shown.code && one !== shown)} about={view.person.id} /> : null}
      <Rows<Test>
        rowKey={keyOf} dataSource={rows} exported={{ title: t("tests.title"), about: () => `Patient/${view.person.id}` }}
        tools={
          <>
            <Segmented value={kind} onChange={setKind} options={kinds.map((one) => ({ value: one, label: t(`tests.kinds.${one}`) }))} />
            <Input allowClear placeholder={t("tests.filter")} aria-label={t("tests.filter")} value={wanted} onChange={(event) => setWanted(event.target.value)} style={{ width: 160 }} />
          </>
        }
        columns={[
          {
            title: t("tests.item"), text: (one) => one.what,
            render: (_, one) => (
              <Button
                type="link" size="small" style={{ padding: 0 }} aria-pressed={one === shown}
                onClick={() => { setChosen(keyOf(one)); document.getElementById("trend")?.scrollIntoView({ block: "nearest" }); }}
              >{one.what}</Button>
            ),
          },
          { title: t("tests.newest"), text: (one) => newest(one).value, align: "right" },
          { title: t("tests.unit"), text: (one) => unitSaid(one.unit) },
          { title: t("tests.flag"), text: (one) => flagSaid(newest(one).flag, t) },
          { title: t("tests.normal"), text: (one) => bandSaid(one.bands?.[0]) },
          { title: t("tests.when"), text: (one) => newest(one).when },
          { title: t("tests.house"), text: (one) => houseOf(houses, newest(one).house) },
          { title: t("tests.count"), text: (one) => (one.points?.length ?? 0) + (one.said?.length ?? 0), align: "right" },
        ]}
      />
    </Flex>
  );
}
