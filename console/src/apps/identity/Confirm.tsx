// An act is confirmed: what comes of it in words, and why it is done. What was typed stays where it fails.
import { App, Flex, Modal, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { saidIn } from "~/fhir/parameters";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { reasonAsked, type Reason } from "./asked";
import { useAct, type Act } from "./desk";

export interface Wanted {
  /** The registration that it is about, where it may leave the page. */
  about?: string;
  name: "same" | "not-same" | "looked-at" | "part" | "undo";
  act: Act;
}

export function Confirm({ wanted, onLeave, onDone }: { wanted: Wanted; onLeave: () => void; onDone: (said: string) => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const { message } = App.useApp();
  const acting = useAct(() => {
    void message.success(t(`done.${wanted.name}`));
    onLeave();
    onDone(t(`done.${wanted.name}`));
  });
  const send = (response: fhir4.QuestionnaireResponse) => acting.mutate({ path: wanted.act.path, given: { ...wanted.act.given, ...saidIn<Reason>(response) } });
  const act = t(`acts.${wanted.name}`);
  return (
    <Modal open title={act} footer={null} onCancel={onLeave}>
      <Flex vertical gap={8}>
        <Typography.Text>{t(`comes.${wanted.name}`)}</Typography.Text>
        <QuestionnaireForm
          autoFocus questionnaire={reasonAsked(t, act)} sending={{ ...acting, mutate: send }} done={act}
          danger={wanted.name === "part" || wanted.name === "undo"}
        />
      </Flex>
    </Modal>
  );
}
