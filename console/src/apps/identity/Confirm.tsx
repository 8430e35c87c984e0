// An act is confirmed: what comes of it in words, and why it is done. What was typed stays where it fails.
import { App, Form, Input, Modal, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ProblemBox } from "~/ui/ProblemBox";
import { useAct, type Act } from "./desk";

export interface Wanted {
  name: "same" | "not-same" | "looked-at" | "link" | "part" | "undo";
  act: Act;
}

const LEAST = 2;

export function Confirm({ wanted, onLeave, onDone }: { wanted: Wanted; onLeave: () => void; onDone: (said: string) => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const { message } = App.useApp();
  const [reason, setReason] = useState("");
  const why = reason.trim();
  const acting = useAct(() => {
    void message.success(t(`done.${wanted.name}`));
    onLeave();
    onDone(t(`done.${wanted.name}`));
  });
  const carryOut = () => why.length >= LEAST && acting.mutate({ path: wanted.act.path, given: { ...wanted.act.given, reason: why } });
  return (
    <Modal
      open title={t(`acts.${wanted.name}`)} okText={t(`acts.${wanted.name}`)} confirmLoading={acting.isPending} onCancel={onLeave}
      okButtonProps={{ disabled: why.length < LEAST, danger: wanted.name === "part" || wanted.name === "undo" }} onOk={carryOut}
    >
      <Typography.Paragraph>{t(`comes.${wanted.name}`)}</Typography.Paragraph>
      <ProblemBox error={acting.error} />
      <Form layout="vertical" onFinish={carryOut}>
        <Form.Item label={t("reason")} htmlFor="identity-reason" extra={t("reason-kept")}>
          <Input id="identity-reason" autoFocus maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} placeholder={t("reason-such-as")} />
        </Form.Item>
      </Form>
    </Modal>
  );
}
