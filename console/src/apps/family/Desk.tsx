// The desk answers what a family asked for it: the resident, or the child, stands there with his papers.
import { useMutation } from "@tanstack/react-query";
import { Alert, Card } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { answered, parametersOf } from "~/fhir/parameters";
import { Page } from "~/ui/Page";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { choice, question, questionnaire, type Words } from "~/ui/questionnaire/asking";
import { RIGHTS } from "./rights";

const NEEDED = { required: true, maxLength: 200 };

const asked = (t: Words) => questionnaire(t("title"), [
  question("digits", "string", t("digits"), { ...NEEDED, help: t("digitsSay") }),
  question("name", "string", t("name"), NEEDED),
  question("number", "string", t("number"), NEEDED),
  question("evidence", "string", t("evidence"), { ...NEEDED, help: t("evidenceSay") }),
  choice("right", t("rights"), RIGHTS.map((one) => [one, t(`right.${one}`)]), { repeats: true, help: t("rightsSay") }),
]);

export default function Desk() {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { client } = useHere();
  const [gives, setGives] = useState(false);
  const [round, setRound] = useState(0);
  const giving = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => client.post<fhir4.Parameters>("$family-desk", parametersOf(response)),
    onSuccess: () => {
      setRound(round + 1);
      setGives(false);
    },
  });
  const done = answered(giving.data);
  return (
    <Page title={t("title")} say={t("say")}>
      <Card style={{ maxWidth: 560 }}>
        <QuestionnaireForm
          key={round} questionnaire={asked(t)} sending={giving} done={t(gives ? "give" : "refuse")} danger={!gives}
          onChange={(response) => setGives(response.item?.some((one) => one.linkId === "right") ?? false)}
        >
          {giving.isSuccess ? <Alert type="success" showIcon role="status" title={t("done", { name: done.text("member"), relation: t(`relation.${done.text("relation")}`) })} /> : null}
        </QuestionnaireForm>
      </Card>
    </Page>
  );
}
