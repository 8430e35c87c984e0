// A step that takes a reason: a button, and a dialog that asks why. What was typed stays when the step is refused.
import { Button, Form, Input, Modal, type ButtonProps } from "antd";
import { useId, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemBox } from "./ProblemBox";

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
  const id = useId();
  const [open, setOpen] = useState(false);
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<unknown>(null);
  const done = async () => {
    setBusy(true);
    try {
      await act(why.trim());
      setOpen(false);
      setWhy("");
      setWrong(null);
    } catch (error) {
      setWrong(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button size="small" {...button} onClick={() => setOpen(true)}>{label}</Button>
      <Modal
        open={open} title={title} okText={label} confirmLoading={busy} onCancel={() => setOpen(false)} onOk={() => void done()}
        okButtonProps={{ danger: button.danger ?? false, disabled: !optional && why.trim().length < 2 }}
      >
        {say}
        <Form layout="vertical" style={{ marginTop: 12 }}>
          <Form.Item label={t(optional ? "ui.remark" : "ui.why")} htmlFor={id} required={!optional}>
            <Input.TextArea id={id} autoFocus rows={2} maxLength={500} value={why} onChange={(event) => setWhy(event.target.value)} />
          </Form.Item>
        </Form>
        <ProblemBox error={wrong} />
      </Modal>
    </>
  );
}
