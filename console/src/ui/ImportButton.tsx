// Many at once from a workbook: first tried, with each fault by its row, then carried out. What was chosen stays until
// it is in or given up. What a file is worth, the platform says; nothing of it is read here.
import { UploadOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Modal, Typography } from "antd";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ProblemBox } from "./ProblemBox";
import { Progress } from "./Progress";
import { Rows } from "./Rows";
import { download } from "./download";

export interface Tried {
  /** What was or would be done, in words. */
  say: string;
  faults: { place: string; text: string }[];
  /** What came of it as a file, such as first passwords: it is given once. */
  file?: { content: Blob; name: string; say: string };
}

interface Shown {
  title: string;
  label?: string;
  /** Tries a file, or carries it out. */
  send: (file: File, dryRun: boolean) => Promise<Tried>;
  /** The empty workbook. */
  template?: () => Promise<{ content: Blob; name: string }>;
  /** Once it is carried out. */
  onDone?: () => void;
}

export function ImportButton({ title, label, send, template, onDone }: Shown) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [file, setFile] = useState<File | null>(null);
  const [tried, setTried] = useState<Tried | null>(null);
  const [done, setDone] = useState<Tried | null>(null);
  const [wrong, setWrong] = useState<unknown>(null);
  const [busy, setBusy] = useState<"" | "try" | "do">("");
  const field = useRef<HTMLInputElement>(null);
  const forget = () => {
    setFile(null);
    setTried(null);
    setDone(null);
    setWrong(null);
    if (field.current) field.current.value = "";
  };
  const go = async (chosen: File, dryRun: boolean) => {
    setBusy(dryRun ? "try" : "do");
    setWrong(null);
    try {
      const said = await send(chosen, dryRun);
      (dryRun ? setTried : setDone)(said);
      if (!dryRun) onDone?.();
    } catch (error) {
      setWrong(error);
    } finally {
      setBusy("");
    }
  };
  const choose = (chosen: File | undefined) => {
    if (!chosen) return;
    setFile(chosen);
    setTried(null);
    setDone(null);
    void go(chosen, true);
  };
  const given = async () => {
    try {
      const made = await template?.();
      if (made) download(made.content, made.name);
    } catch (error) {
      setWrong(error);
    }
  };
  const said = done ?? tried;
  return (
    <>
      <Button icon={<UploadOutlined />} onClick={() => setOpen(true)}>{label ?? t("ui.import")}</Button>
      <Modal
        open={open} title={title} width={760} mask={{ closable: false }} onCancel={() => { setOpen(false); forget(); }}
        footer={[
          template ? <Button key="template" type="link" onClick={() => void given()}>{t("ui.template")}</Button> : null,
          done
            ? <Button key="close" type="primary" onClick={() => { setOpen(false); forget(); }}>{t("ui.close")}</Button>
            : <Button key="do" type="primary" loading={busy === "do"} disabled={!file || !tried || busy !== ""} onClick={() => file && void go(file, false)}>{t("ui.import-now")}</Button>,
        ]}
      >
        <Flex vertical gap={12}>
          <Typography.Text type="secondary">{t("ui.import-say")}</Typography.Text>
          <Flex gap={8} align="center" wrap>
            <Button autoFocus onClick={() => field.current?.click()} disabled={busy !== ""}>{t(file ? "ui.other-file" : "ui.choose-file")}</Button>
            <Typography.Text>{file?.name ?? t("ui.no-file")}</Typography.Text>
            <input ref={field} type="file" accept=".xlsx,.csv" hidden aria-label={t("ui.choose-file")} onChange={(event) => choose(event.target.files?.[0])} />
            {file && !done && busy === "" ? <Button type="link" onClick={() => void go(file, true)}>{t("ui.try-again")}</Button> : null}
          </Flex>
          <Progress busy={busy !== ""} say={t(busy === "do" ? "ui.importing" : "ui.trying")} />
          <ProblemBox error={wrong} />
          {said ? <Alert role="status" showIcon type={said.faults.length ? "warning" : "success"} title={said.say} /> : null}
          {done?.file ? (
            <Alert
              showIcon type="info" title={done.file.say}
              action={<Button size="small" type="primary" onClick={() => done.file && download(done.file.content, done.file.name)}>{t("ui.download")}</Button>}
            />
          ) : null}
          {said?.faults.length ? (
            <Rows
              rowKey={(row) => `${row.place} ${row.text}`} dataSource={said.faults} exported={{ title: `${title} ${t("ui.faults")}` }}
              columns={[{ title: t("ui.place"), dataIndex: "place", width: 96 }, { title: t("ui.fault"), dataIndex: "text" }]}
            />
          ) : null}
        </Flex>
      </Modal>
    </>
  );
}
