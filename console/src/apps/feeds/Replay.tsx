// What was delivered taken in once more by the mapping of now: looked at first, then done. By the platform's people.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Descriptions, Flex, Form, InputNumber, Popconfirm, Select, Switch, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { Progress } from "~/ui/Progress";
import type { Whole } from "./Feed";
import { pathOf } from "./feed";

interface Difference {
  deliveries: number;
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  revoked: number;
  aside: number;
}

export function Replay({ feed }: { feed: Whole }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const queries = useQueryClient();
  const [table, setTable] = useState("");
  const [since, setSince] = useState(1);
  const [tried, setTried] = useState(false);
  const address = pathOf(feed.name, "/replay");
  const asked = { table, since, tried };
  const looking = useMutation({ mutationFn: () => client.post<Difference>(address, { ...asked, dryRun: true }) });
  const doing = useMutation({
    mutationFn: () => client.post<{ again: number }>(address, { ...asked, dryRun: false }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["feed", feed.name] }),
  });
  const changed = (set: () => void) => {
    set();
    looking.reset();
    doing.reset();
  };
  return (
    <Flex vertical gap={12} style={{ maxWidth: 720 }}>
      <Typography.Text type="secondary">{t("replay-say")}</Typography.Text>
      <Form layout="vertical" onFinish={() => looking.mutate()}>
        <Form.Item label={t("table")} htmlFor="replay-table">
          <Select
            id="replay-table" value={table || null} placeholder={t("choose-table")} onChange={(to: string) => changed(() => setTable(to))}
            options={feed.tables.map((one) => ({ value: one.name, label: `${one.title} ${one.name}` }))}
          />
        </Form.Item>
        <Form.Item label={t("since-number")} htmlFor="replay-since">
          <InputNumber id="replay-since" min={1} precision={0} value={since} onChange={(to) => changed(() => setSince(to ?? 1))} />
        </Form.Item>
        <Form.Item label={t("tried-too")} htmlFor="replay-tried" extra={t("tried-too-say")}>
          <Switch id="replay-tried" checked={tried} onChange={(to) => changed(() => setTried(to))} />
        </Form.Item>
        <Flex gap={8}>
          <Button type="primary" htmlType="submit" disabled={!table} loading={looking.isPending}>{t("look-first")}</Button>
          <Popconfirm title={t("replay-sure")} okText={t("confirm")} onConfirm={() => doing.mutate()} disabled={!looking.data}>
            <Button disabled={!looking.data || doing.isSuccess} loading={doing.isPending}>{t("replay-now")}</Button>
          </Popconfirm>
        </Flex>
      </Form>
      <Progress busy={looking.isPending} say={t("comparing")} />
      <ProblemBox error={looking.error ?? doing.error} />
      {looking.data ? (
        <Descriptions
          bordered size="small" column={{ xs: 1, sm: 2 }} title={t("would-come")}
          items={(["deliveries", "rows", "created", "updated", "unchanged", "revoked", "aside"] as const).map((key) => ({ key, label: t(`difference.${key}`), children: looking.data?.[key] }))}
        />
      ) : null}
      {doing.data ? <Alert role="status" type="success" showIcon title={t("again-done", { count: doing.data.again })} /> : null}
    </Flex>
  );
}
