// One question: why it is asked, both sides beside one another, and the answers, each with what comes of it.
import { Alert, Button, Card, Flex, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ProblemBox } from "~/ui/ProblemBox";
import { Beside } from "./Beside";
import { Confirm, type Wanted } from "./Confirm";
import { OpenWhole } from "./OpenWhole";
import { useKeys } from "./keys";
import { usePersons, type Question } from "./desk";
import { isMasked } from "./said";

export function Matter({ question, onDone }: { question: Question; onDone: (said: string) => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const sides = [question.patient, question.resident].filter(Boolean);
  const persons = usePersons(sides);
  const answer = (name: "same" | "not-same" | "looked-at") => setWanted({
    name, act: { path: "$answer-link", given: { id: question.id, same: name === "looked-at" ? undefined : name === "same" } },
  });
  const two = question.resident !== "";
  useKeys(two ? { 1: () => answer("same"), 2: () => answer("not-same") } : { 3: () => answer("looked-at") });
  return (
    <Card size="small" title={<Flex gap={8} wrap align="center"><Tag>{t(`kinds.${question.kind}`, { defaultValue: t("kinds.itself") })}</Tag><span>{t("number", { id: question.id })}</span></Flex>}>
      <Flex vertical gap={12}>
        <div>
          <Typography.Title level={2} style={{ fontSize: 15, margin: 0 }}>{t("why")}</Typography.Title>
          <ul className="identity-why">{question.why.map((one) => <li key={one}>{one}</li>)}</ul>
        </div>
        {question.words ? <Alert type="info" showIcon title={t(question.kind === "not-mine" ? "resident-says" : "institution-says")} description={question.words} /> : null}
        <ProblemBox error={persons.error} again={() => void persons.refetch()} />
        <Beside sides={sides.map((_, side) => ({ head: t(side === 0 ? "registration" : "resident"), person: persons.data?.[side] }))} steps={question.steps} loading={persons.isLoading} />
        {persons.data?.some(isMasked) ? <OpenWhole references={sides} /> : null}
        <Flex gap={8} wrap>
          {two ? (
            <>
              <Button type="primary" onClick={() => answer("same")}>1　{t("acts.same")}</Button>
              <Button onClick={() => answer("not-same")}>2　{t("acts.not-same")}</Button>
            </>
          ) : (
            <Button type="primary" onClick={() => answer("looked-at")}>3　{t("acts.looked-at")}</Button>
          )}
        </Flex>
      </Flex>
      {wanted ? <Confirm wanted={wanted} onLeave={() => setWanted(null)} onDone={onDone} /> : null}
    </Card>
  );
}
