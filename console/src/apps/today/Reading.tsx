// A measurement typed in one line, as people write it: 152/94 78. The platform reads it, and asks back where it is odd.
import { useMutation } from "@tanstack/react-query";
import { Alert, App, Modal, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useReading } from "~/fhir/addReading";
import { useClient } from "~/fhir/context";
import { saidIn } from "~/fhir/parameters";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { comma } from "~/ui/joining";
import { choice, question, questionnaire, type Words } from "~/ui/questionnaire/asking";
import type { Resident } from "./day";

interface Said { line: string; place: string }

const asked = (t: Words, title: string) => questionnaire(title, [
  question("line", "string", t("line"), { required: true, help: t("line-say"), entryFormat: "152/94 78" }),
  choice("place", t("place"), ["office", "home"].map((one) => [one, t(`places.${one}`)]), { required: true, first: "office" }),
]);

export function Reading({ resident, onClose, onKept }: { resident: Resident; onClose: () => void; onKept: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  const { message } = App.useApp();
  const reading = useReading(useClient(), resident.id);
  const sending = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => {
      const { line = "", place } = saidIn<Said>(response);
      return reading.send(line, place);
    },
    onSuccess: (told) => {
      if (told.text("state") !== "kept") return;
      const kept = told.all("reading").map((one) => `${one.text("title")} ${one.value<fhir4.Quantity>("value")?.value ?? ""}`);
      void message.success(t("kept", { what: kept.join(comma()) }));
      onKept();
      onClose();
    },
  });
  const changed = () => {
    reading.forget();
    sending.reset();
  };
  // What was sent is waited for: its answer belongs to this resident, and may ask back.
  const leave = () => {
    if (!sending.isPending) onClose();
  };
  const questions = reading.asked?.values<string>("question") ?? [];
  const refused = sending.data?.values<string>("refused") ?? [];
  const title = t("type-of", { name: resident.name });
  return (
    <Modal open title={title} onCancel={leave} footer={null}>
      <QuestionnaireForm
        autoFocus questionnaire={asked(t, title)} sending={sending} onChange={changed} done={t(reading.asked ? "right" : "keep")}
        actions={reading.asked ? null : <Typography.Text type="secondary" style={{ alignSelf: "center" }}>{t("keep-say")}</Typography.Text>}
      >
        {refused.length ? <Alert type="error" showIcon role="alert" title={refused.join(" ")} /> : null}
        {questions.length ? <Alert type="warning" showIcon role="alert" title={questions.join(" ")} description={t("asked-back")} /> : null}
      </QuestionnaireForm>
    </Modal>
  );
}
