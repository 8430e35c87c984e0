// What the platform found odd in the trail, and what became of it.
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Segmented, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters, rowsOf } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Reasoned } from "~/ui/Reasoned";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";

const STATES = ["open", "looked-at", "closed"] as const;
const COLOURS: Record<string, string> = { open: "red", "looked-at": "orange", closed: "green" };

export function Alerts() {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "trail" });
  const client = useClient();
  const queries = useQueryClient();
  const [state, setState] = useState<string>("open");
  const [wrong, setWrong] = useState<unknown>(null);
  const found = useInfiniteQuery({
    queryKey: ["alerts", state, i18n.language],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Parameters>("$alerts", { state, _count: 100, _cursor: pageParam }),
    getNextPageParam: (last) => answered(last).text("next") || undefined,
  });
  const step = async (id: number, to: string, reason = "") => {
    await client.post("$alert", parameters({ id, state: { valueCode: to }, reason }));
    await queries.invalidateQueries({ queryKey: ["alerts"] });
  };
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={wrong ?? found.error} again={() => { setWrong(null); void found.refetch(); }} />
      <Rows
        dataSource={found.data?.pages.flatMap((page) => rowsOf(page, "alert")) ?? []} loading={found.isLoading} exported={{ title: t("alerts") }} locale={{ emptyText: <Nothing say={t("no-alerts")} /> }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        tools={<Segmented value={state} onChange={setState} options={STATES.map((value) => ({ value, label: t(`states.${value}`) }))} />}
        columns={[
          { title: t("state"), text: (one) => t(`states.${String(one.state)}`), render: (_, one) => <Tag color={COLOURS[String(one.state)]}>{t(`states.${String(one.state)}`)}</Tag> },
          { title: t("what"), text: (one) => String(one.text ?? ""), render: (_, one) => <div style={{ minWidth: 260, maxWidth: 560, whiteSpace: "normal" }}>{String(one.text ?? "")}</div> },
          { title: t("count"), text: (one) => Number(one.count), align: "right" },
          { title: t("limit"), text: (one) => Number(one.limit), align: "right" },
          { title: t("since"), text: (one) => minuteOf(String(one.began ?? "")) },
          { title: t("verdict"), text: (one) => String(one.reason ?? "") },
          {
            title: t("handle"),
            render: (_, one) => {
              if (one.state === "open") return <Button size="small" onClick={() => void step(Number(one.id), "looked-at").catch(setWrong)}>{t("look-at")}</Button>;
              return one.state === "looked-at" ? <Reasoned type="primary" label={t("close")} title={t("close-say")} say={String(one.text ?? "")} act={(why) => step(Number(one.id), "closed", why)} /> : null;
            },
          },
        ]}
      />
    </Flex>
  );
}
