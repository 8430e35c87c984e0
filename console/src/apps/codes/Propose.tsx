// What one code stands for: a suggestion, another code of the list, or none that is needed. Another person decides.
import { useMutation } from "@tanstack/react-query";
import { App, Modal } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { parameters, saidIn } from "~/fhir/parameters";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { aside, comma } from "~/ui/joining";
import { choice, question, questionnaire, when, type Words } from "~/ui/questionnaire/asking";
import type { Code, Suggestion } from "./code";

// As the workbook says them (access/codes/table.py RELATIONS).
const RELATIONS = { equivalent: "等同", wider: "更宽", narrower: "更窄", inexact: "近似" } as const;
const OTHER = "other-code", UNNEEDED = "unneeded";

interface Shown {
  code: Code;
  /** The list that is mapped to. */
  target: string;
  first?: Suggestion;
  onClose: () => void;
  onDone: () => void;
}

interface Said { for: string; target: string; relation: string; remark: string }

const asked = (t: Words, title: string, suggestions: Suggestion[], first: string) => questionnaire(title, [
  choice("for", t("target"), [
    ...suggestions.map((one) => [one.target, `${one.target} ${one.name}${aside([t(`reasons.${one.reason}`), one.score].join(comma()))}`] as const),
    [OTHER, t("other-code")], [UNNEEDED, t("unneeded")],
  ], { required: true, first, help: t("unneeded-say") }),
  question("target", "string", t("target-code"), { required: true, maxLength: 100, ...when("for", OTHER) }),
  choice("relation", t("relation"), Object.entries(RELATIONS).map(([key, code]) => [code, t(`relations.${key}`)]), { required: true, first: RELATIONS.equivalent, ...when("for", UNNEEDED, "!=") }),
  question("remark", "string", t("remark"), { maxLength: 200 }),
]);

export function Propose({ code, target: list, first, onClose, onDone }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "codes" });
  const client = useClient();
  const { message } = App.useApp();
  const proposing = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => {
      const { for: chosen, target, ...said } = saidIn<Said>(response);
      return client.post("$codes-propose", parameters({ system: code.system, code: code.code, list, target: target ?? (chosen === UNNEEDED ? undefined : chosen), ...said }));
    },
    onSuccess: () => {
      void message.success(t("proposed"));
      onDone();
      onClose();
    },
  });
  const title = t("propose-for", { code: code.code, name: code.name });
  return (
    <Modal open title={title} footer={null} onCancel={onClose}>
      <QuestionnaireForm autoFocus questionnaire={asked(t, title, code.suggestions, first?.target ?? code.suggestions[0]?.target ?? OTHER)} sending={proposing} done={t("propose")} />
    </Modal>
  );
}
