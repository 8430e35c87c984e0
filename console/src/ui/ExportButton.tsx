// A list as a workbook, made by the platform: it marks it, counts whom it is about, and writes down that it left.
// Where that takes a second officer, the platform says so, and asks what it is for.
import { DownloadOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { App, Button, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";
import { useClient } from "~/fhir/context";
import { saidIn } from "~/fhir/parameters";
import { ProblemBox } from "./ProblemBox";
import { QuestionnaireForm } from "./QuestionnaireForm";
import { download } from "./download";
import { question, questionnaire } from "./questionnaire/asking";

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
  const [refused, setRefused] = useState<unknown>(null);
  const leaving = useMutation({
    mutationFn: async (response: fhir4.QuestionnaireResponse | null) => {
      const listed = await rows();
      const why = response ? saidIn<{ [REASON]: string }>(response)[REASON] : undefined;
      const path = why ? `$sheet?${new URLSearchParams({ [REASON]: why })}` : "$sheet";
      const body = JSON.stringify({ title, columns, ...listed });
      const answer = await client.call("POST", path, body, { accept: XLSX, "content-type": "application/json" });
      download(await answer.blob(), `${title}.xlsx`);
      return listed.rows.length;
    },
    onSuccess: (count) => {
      setRefused(null);
      void message.success(t("ui.exported", { count }));
    },
    onError: setRefused,
  });
  const isAsked = refused instanceof Problem && refused.issues[0]?.at === REASON;
  const asked = questionnaire(t("ui.export"), [question(REASON, "text", t("ui.reason"), { required: true, maxLength: 500 })]);
  return (
    <>
      <Button icon={<DownloadOutlined />} loading={leaving.isPending && !refused} disabled={disabled} onClick={() => leaving.mutate(null)}>{t("ui.export")}</Button>
      <Modal
        open={refused !== null} title={t("ui.export")} destroyOnHidden onCancel={() => setRefused(null)} onOk={() => setRefused(null)}
        okText={t("ui.understood")} cancelButtonProps={{ style: { display: "none" } }} {...(isAsked ? { footer: null } : {})}
      >
        {isAsked ? <QuestionnaireForm autoFocus questionnaire={asked} sending={leaving} done={t("ui.ask-approval")} /> : <ProblemBox error={refused} />}
      </Modal>
    </>
  );
}
