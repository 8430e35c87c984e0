// What was delivered taken in once more by the mapping of now: looked at first, then done. By the platform's people.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Descriptions, Flex, Popconfirm, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { saidIn } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import { Progress } from "~/ui/Progress";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { choice, question, questionnaire, type Words } from "~/ui/questionnaire/asking";
import type { Whole } from "./Feed";
import { pathOf } from "./feed";

const COUNTS = ["deliveries", "rows", "created", "updated", "unchanged", "revoked", "aside"] as const;
type Difference = Record<(typeof COUNTS)[number], number>;
type Response = fhir4.QuestionnaireResponse;

const asked = (t: Words, feed: Whole) => questionnaire(t("tabs.replay"), [
  choice("table", t("table"), feed.tables.map((one) => [one.name, `${one.title} ${one.name}`]), { required: true }),
  question("since", "integer", t("since-number"), { required: true, initial: [{ valueInteger: 1 }] }),
  question("tried", "boolean", t("tried-too"), { help: t("tried-too-say"), initial: [{ valueBoolean: false }] }),
]);

export function Replay({ feed }: { feed: Whole }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const queries = useQueryClient();
  const post = <Told,>(response: Response, dryRun: boolean) => client.post<Told>(pathOf(feed.name, "/replay"), { ...saidIn(response), dryRun });
  const looking = useMutation({ mutationFn: (response: Response) => post<Difference>(response, true) });
  const doing = useMutation({
    mutationFn: (response: Response) => post<{ again: number }>(response, false),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["feed", feed.name] }),
  });
  const changed = () => {
    looking.reset();
    doing.reset();
  };
  return (
    <Flex vertical gap={12} style={{ maxWidth: 720 }}>
      <Typography.Text type="secondary">{t("replay-say")}</Typography.Text>
      <QuestionnaireForm
        questionnaire={asked(t, feed)} sending={looking} onChange={changed} done={t("look-first")}
        actions={(
          <Popconfirm title={t("replay-sure")} okText={t("confirm")} onConfirm={() => looking.variables && doing.mutate(looking.variables)} disabled={!looking.data}>
            <Button disabled={!looking.data || doing.isSuccess} loading={doing.isPending}>{t("replay-now")}</Button>
          </Popconfirm>
        )}
      />
      <Progress busy={looking.isPending} say={t("comparing")} />
      <ProblemBox error={doing.error} />
      {looking.data ? (
        <Descriptions
          bordered size="small" column={{ xs: 1, sm: 2 }} title={t("would-come")}
          items={COUNTS.map((key) => ({ key, label: t(`difference.${key}`), children: looking.data[key] }))}
        />
      ) : null}
      {doing.data ? <Alert role="status" type="success" showIcon title={t("again-done", { count: doing.data.again })} /> : null}
    </Flex>
  );
}
