// What was answered, the newest first: what, by whom, and why. It is taken back in the ledger of who it is about.
import { Empty } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { nameOf } from "~/fhir/reading";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { idOf, useQuestions, type Question } from "./desk";

export function Answered() {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const found = useQuestions("", true);
  const questions = useMemo(() => found.data?.pages.flatMap((page) => page.questions) ?? [], [found.data]);
  const persons = useMemo(() => new Map(found.data?.pages.flatMap((page) => page.persons).map((one) => [one.id, one]) ?? []), [found.data]);
  const called = (reference: string) => nameOf(persons.get(idOf(reference)) ?? {});
  return (
    <>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<Question>
        dataSource={questions} loading={found.isLoading} exported={{ title: t("answered"), about: (one) => one.patient }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("none-answered")} /> }}
        columns={[
          { title: t("answered-at"), text: (one) => minuteOf(one.answered) },
          { title: t("registration"), text: (one) => called(one.patient), render: (_, one) => <Link to={`/identity/person/${idOf(one.patient)}`}>{called(one.patient) || t("unnamed")}</Link> },
          { title: t("resident"), text: (one) => called(one.resident) },
          { title: t("kind"), text: (one) => t(`kinds.${one.kind}`, { defaultValue: t("kinds.itself") }) },
          { title: t("answer"), text: (one) => t(`acts.${one.answer === "corrected" ? "looked-at" : one.answer}`) },
          { title: t("reason"), text: (one) => one.reason },
          { title: t("by"), text: (one) => one.actor },
        ]}
      />
    </>
  );
}
