// Durable jobs: those that wait or run, and those that ended of late.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";

interface Job {
  id: string;
  kind: string;
  owner: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  progress: string;
  made: string;
  ended: string;
  why: string;
}

const COLOURS = { waiting: "default", running: "blue", done: "green", failed: "red", cancelled: "default" };

export function JobList() {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "running" });
  const client = useClient();
  const queries = useQueryClient();
  const [wrong, setWrong] = useState<unknown>(null);
  const found = useQuery({ queryKey: ["administration", "jobs", i18n.language], refetchInterval: 5_000, queryFn: () => client.get<{ jobs: Job[] }>("$administration/jobs") });
  const cancel = async (id: string) => {
    try {
      await client.post(`$administration/jobs/${id}/cancel`, {});
      await queries.invalidateQueries({ queryKey: ["administration", "jobs"] });
    } catch (error) {
      setWrong(error);
    }
  };
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={wrong ?? found.error} again={() => { setWrong(null); void found.refetch(); }} />
      <Rows
        dataSource={found.data?.jobs ?? []} loading={found.isLoading} exported={{ title: t("jobs") }} locale={{ emptyText: <Nothing say={t("no-jobs")} /> }}
        columns={[
          { title: t("kind"), text: (one) => t(`kinds.${one.kind}`, { defaultValue: one.kind }) },
          { title: t("state"), text: (one) => t(`states.${one.state}`), render: (_, one) => <Tag color={COLOURS[one.state]}>{t(`states.${one.state}`)}</Tag> },
          { title: t("progress"), dataIndex: "progress" },
          { title: t("owner"), dataIndex: "owner" },
          { title: t("made"), text: (one) => minuteOf(one.made) },
          { title: t("ended"), text: (one) => minuteOf(one.ended) },
          { title: t("why"), dataIndex: "why" },
          { title: t("acts"), render: (_, one) => (one.state === "waiting" || one.state === "running" ? <Button size="small" danger onClick={() => void cancel(one.id)}>{t("cancel")}</Button> : null) },
        ]}
      />
    </Flex>
  );
}
