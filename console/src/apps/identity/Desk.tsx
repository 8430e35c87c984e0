// The identity desk: what the platform asks about who is who, one question after the other, by keyboard.
import { Alert, Button, Empty, Segmented, Select, Typography } from "antd";
import { useCallback, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { nameOf } from "~/fhir/reading";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { aside } from "~/ui/joining";
import { minuteOf } from "~/ui/time";
import { Answered } from "./Answered";
import { Find } from "./Find";
import { Matter } from "./Matter";
import { useKeys } from "./keys";
import { idOf, useQuestions, type Question } from "./desk";
import "./identity.css";

export default function Desk() {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const [view, setView] = useState<"questions" | "answered" | "find">("questions");
  const navigate = useNavigate();
  return (
    <Page
      title={t("title")} say={t("say")}
      actions={<Segmented value={view} onChange={setView} options={(["questions", "answered", "find"] as const).map((value) => ({ value, label: t(value) }))} />}
    >
      {view === "questions" ? <Questions /> : null}
      {view === "answered" ? <Answered /> : null}
      {view === "find" ? <Find pick={{ label: t("merge-with"), act: (id) => void navigate(`/identity/merge?source=${id}`) }} /> : null}
    </Page>
  );
}

function Questions() {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const [kind, setKind] = useState("");
  const [open, setOpen] = useState(0);
  const [done, setDone] = useState("");
  const asked = useQuestions(kind);
  const questions = useMemo(() => asked.data?.pages.flatMap((page) => page.questions) ?? [], [asked.data]);
  const persons = useMemo(() => new Map(asked.data?.pages.flatMap((page) => page.persons).map((one) => [one.id, one]) ?? []), [asked.data]);
  const kinds = asked.data?.pages[0]?.kinds ?? [];
  const at = Math.max(0, questions.findIndex((one) => one.id === open));
  const question = questions[at];
  const called = (reference: string) => nameOf(persons.get(idOf(reference)) ?? {});
  const matter = useRef<HTMLDivElement>(null);
  const show = useCallback((id: number) => {
    setOpen(id);
    // On a phone it stands above the list.
    if ((matter.current?.getBoundingClientRect().top ?? 0) < 0) matter.current?.scrollIntoView();
  }, []);
  const move = useCallback((by: number) => show(questions[Math.min(Math.max(at + by, 0), questions.length - 1)]?.id ?? 0), [questions, at, show]);
  useKeys({ j: () => move(1), k: () => move(-1) });
  const total = kinds.reduce((sum, one) => sum + one.count, 0);
  return (
    <>
      {done ? <Alert type="success" showIcon closable title={done} role="status" onClose={() => setDone("")} /> : null}
      <ProblemBox error={asked.error} again={() => void asked.refetch()} />
      <div className="identity-desk">
        <Rows<Question>
          dataSource={questions} loading={asked.isLoading}
          rowClassName={(one) => (one.id === question?.id ? "identity-open" : "")}
          onRow={(one) => ({ onClick: () => show(one.id), "aria-selected": one.id === question?.id })}
          exported={{ title: t("questions"), about: (one) => one.patient }}
          more={{ has: asked.hasNextPage, fetching: asked.isFetchingNextPage, fetch: () => void asked.fetchNextPage() }}
          locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(kind ? "none-of-kind" : "none")} /> }}
          tools={
            <Select
              aria-label={t("kind")} value={kind} onChange={setKind} style={{ minWidth: 200 }}
              options={[{ value: "", label: t("all", { count: total }) }, ...kinds.map((one) => ({ value: one.kind, label: `${t(`kinds.${one.kind}`, { defaultValue: t("kinds.itself") })}${aside(one.count)}` }))]}
            />
          }
          columns={[
            { title: t("registration"), text: (one) => called(one.patient), render: (_, one) => <Button type="link" size="small" style={{ padding: 0 }} onClick={() => show(one.id)}>{called(one.patient) || t("unnamed")}</Button> },
            { title: t("resident"), text: (one) => called(one.resident) },
            { title: t("kind"), text: (one) => t(`kinds.${one.kind}`, { defaultValue: t("kinds.itself") }) },
            { title: t("opened"), text: (one) => minuteOf(one.opened) },
          ]}
        />
        <div className="identity-matter" ref={matter}>
          {question ? (
            <Matter key={question.id} question={question} onDone={(said) => { setDone(said); move(1); }} />
          ) : null}
          {question ? <Typography.Text type="secondary"><Link to={`/identity/person/${idOf(question.patient)}`}>{t("ledger")}</Link>　{t("keys")}</Typography.Text> : null}
        </div>
      </div>
    </>
  );
}
