// A step that takes a reason: a button, and a dialog that asks why. What was typed stays when the step is refused.
import { useMutation } from "@tanstack/react-query";
import { Button, Modal, type ButtonProps } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { saidIn } from "~/fhir/parameters";
import { QuestionnaireForm } from "./QuestionnaireForm";
import { question, questionnaire } from "./questionnaire/asking";

interface Shown extends Pick<ButtonProps, "danger" | "type" | "size" | "icon"> {
  label: string;
  title: string;
  /** What it brings about, before it is done. */
  say?: ReactNode;
  /** Whether it may go without a reason. */
  optional?: boolean;
  act: (why: string) => Promise<unknown>;
}

export function Reasoned({ label, title, say, optional = false, act, ...button }: Shown) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const acting = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => act(saidIn<{ why: string }>(response).why ?? ""),
    onSuccess: () => setOpen(false),
  });
  const opened = () => {
    acting.reset();
    setOpen(true);
  };
  const asked = questionnaire(title, [question("why", "text", t(optional ? "ui.remark" : "ui.why"), { required: !optional, maxLength: 500 })]);
  return (
    <>
      <Button size="small" {...button} onClick={opened}>{label}</Button>
      {/* What was sent is waited for, or it could be sent twice. */}
      <Modal open={open} title={title} footer={null} destroyOnHidden onCancel={() => acting.isPending || setOpen(false)}>
        <div style={{ marginBottom: 12 }}>{say}</div>
        <QuestionnaireForm autoFocus questionnaire={asked} sending={acting} done={label} danger={button.danger} />
      </Modal>
    </>
  );
}
