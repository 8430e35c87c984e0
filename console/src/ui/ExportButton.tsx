// A list as a workbook, made by the platform: it marks it, counts whom it is about, and writes down that it left.
// Where that takes a second officer, the platform says so, and asks what it is for.
import { DownloadOutlined } from "@ant-design/icons";
import { App, Button, Form, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "./ProblemBox";
import { download } from "./download";

export type Cell = string | number | null;
const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const REASON = "_reason";

export interface Listed {
  rows: Cell[][];
  /** The resource that each row is about, such as "Patient/7"; empty for nobody's. */
  about?: string[];
}

interface Shown {
  title: string;
  columns: string[];
  rows: () => Listed | Promise<Listed>;
  disabled?: boolean;
}

export function ExportButton({ title, columns, rows, disabled }: Shown) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<unknown>(null);
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  const leave = async (why: string) => {
    setBusy(true);
    try {
      const listed = await rows();
      const path = why ? `$sheet?${new URLSearchParams({ [REASON]: why })}` : "$sheet";
      const body = JSON.stringify({ title, columns, ...listed });
      const answer = await client.call("POST", path, body, { accept: XLSX, "content-type": "application/json" });
      download(await answer.blob(), `${title}.xlsx`);
      setRefused(null);
      void message.success(t("ui.exported", { count: listed.rows.length }));
    } catch (error) {
      setAsked(error instanceof Problem && error.issues[0]?.at === REASON);
      setRefused(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button icon={<DownloadOutlined />} loading={busy && !refused} disabled={disabled} onClick={() => void leave("")}>{t("ui.export")}</Button>
      <Modal
        open={refused !== null} title={t("ui.export")} onCancel={() => setRefused(null)} confirmLoading={busy}
        okText={asked ? t("ui.ask-approval") : t("ui.understood")} cancelButtonProps={asked ? {} : { style: { display: "none" } }}
        okButtonProps={{ disabled: asked && !reason.trim() }} onOk={() => (asked ? void leave(reason.trim()) : setRefused(null))}
      >
        <ProblemBox error={refused} />
        {asked ? (
          <Form layout="vertical" style={{ marginTop: 12 }}>
            <Form.Item label={t("ui.reason")} htmlFor="export-reason">
              <Input.TextArea id="export-reason" autoFocus rows={2} maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
            </Form.Item>
          </Form>
        ) : null}
      </Modal>
    </>
  );
}
