// The ways to ask for what is not shown: the resident's code, a word by SMS, an emergency. Each leaves its reason.
import { useMutation } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters, saidIn } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { choice, question, questionnaire, type Words } from "~/ui/questionnaire/asking";
import { patientIn, presented } from "./presenting";

export type Way = "card" | "word" | "emergency";

interface Shown {
  ways: readonly string[];
  /** id: of a registration. identifier: `system|number`, of whom is not known to us. Neither: the code names him. */
  target: { id?: string; identifier?: string };
  onOpened: (id: string) => void;
}

type Response = fhir4.QuestionnaireResponse;
interface Said { way: string; code: string; word: string; reason: string }

// What each way asks, once it can be answered.
const QUESTIONS: Record<string, (t: Words) => fhir4.QuestionnaireItem> = {
  card: (t) => question("code", "string", t("card.label"), { required: true }),
  word: (t) => question("word", "string", t("word.label"), { required: true }),
  emergency: (t) => question("reason", "text", t("emergency.label"), { required: true, maxLength: 500, entryFormat: t("emergency.placeholder") }),
};

export function Ways({ ways, target, onOpened }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.ways" });
  const client = useClient();
  const [way, setWay] = useState(ways[0] ?? "");
  const [challenge, setChallenge] = useState("");
  const call = (name: string, said: Partial<Said> & { challenge?: string }) =>
    client.post<fhir4.Parameters>(`Patient/${target.id ? `${target.id}/` : ""}${name}`, parameters({ ...said, identifier: target.id ? undefined : target.identifier }));
  const asking = useMutation({
    mutationFn: (_: Response | null) => call("$ask-word", {}),
    onSuccess: (told) => setChallenge(answered(told).text("challenge")),
  });
  const opening = useMutation({
    mutationFn: async (response: Response) => {
      const { way: _, ...said } = saidIn<Said>(response);
      if (said.code && !target.id) return presented(client, { code: said.code });
      return patientIn(await (said.reason ? call("$break-glass", said) : call("$open-record", said.word ? { challenge, ...said } : said)));
    },
    onSuccess: (id) => id && onOpened(id),
  });
  if (ways.length === 0) return null;
  const waits = way === "word" && !challenge;
  const asked = questionnaire(t("title"), [
    ...(ways.length > 1 ? [choice("way", t("title"), ways.map((one) => [one, t(`${one}.name`)]), { required: true, first: ways[0] })] : []),
    ...(waits ? [] : [QUESTIONS[way]?.(t) ?? []].flat()),
  ]);
  const changed = (response: Response) => {
    setWay(saidIn<Said>(response).way ?? way);
    opening.reset();
  };
  return (
    <QuestionnaireForm
      questionnaire={asked} sending={waits ? asking : opening} onChange={changed} danger={way === "emergency"} done={t(waits ? "word.send" : `${way}.go`)}
      actions={way === "word" && challenge ? <Button loading={asking.isPending} onClick={() => asking.mutate(null)}>{t("word.again")}</Button> : null}
    >
      {way === "emergency" ? <Alert type="warning" showIcon title={t("emergency.say")} /> : null}
      {challenge ? <ProblemBox error={asking.error} /> : null}
      {opening.isSuccess && !opening.data ? <Alert type="warning" showIcon title={t("nobody")} /> : null}
    </QuestionnaireForm>
  );
}
