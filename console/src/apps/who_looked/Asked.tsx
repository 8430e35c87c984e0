// What I asked or complained about, and what was answered.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { answered } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { minuteOf } from "~/ui/time";
import { Fault } from "~/ui/plain/Fault";
import { Empty, Mark, Waiting } from "~/ui/plain/parts";

export default function Asked() {
  const { t } = useTranslation("translation", { keyPrefix: "who_looked" });
  const { client, person } = useMe();
  const found = useQuery({ queryKey: ["look-questions", person.id], queryFn: () => client.get<fhir4.Parameters>("$look-questions") });
  if (found.isPending) return <Waiting />;
  const questions = answered(found.data).all("question");
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      {found.isSuccess && !questions.length ? <Empty say={t("noQuestions")} /> : null}
      {questions.map((one) => (
        <section key={one.text("id")} className="card">
          <p className="hint">{minuteOf(one.text("asked"))} {t(one.text("kind") === "complain" ? "complained" : "asked")}</p>
          <p className="hint">{one.text("text")}</p>
          <p>{one.text("words")}</p>
          {one.text("answer") ? (
            <p><Mark kind="good">{t("answer", { day: minuteOf(one.text("answered")) })}</Mark> {one.text("answer")}</p>
          ) : (
            <Mark kind="note">{t("waiting")}</Mark>
          )}
        </section>
      ))}
    </>
  );
}
