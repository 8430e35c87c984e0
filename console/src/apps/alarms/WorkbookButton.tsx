// A list as a workbook that its own operation makes (`as=xlsx`): all of it, not only what the page has fetched.
import { DownloadOutlined } from "@ant-design/icons";
import { App, Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Search } from "~/fhir/client";
import { useClient } from "~/fhir/context";
import { workbookOf } from "~/fhir/workbook";
import { download } from "~/ui/download";
import { wordsOf } from "~/ui/words";

export function WorkbookButton({ path, search, name, disabled }: { path: string; search?: Search; name: string; disabled?: boolean }) {
  const { t } = useTranslation();
  const client = useClient();
  const { message } = App.useApp();
  const [busy, setBusy] = useState(false);
  const leave = async () => {
    setBusy(true);
    try {
      download(await workbookOf(client, path, search), `${name}.xlsx`);
    } catch (error) {
      void message.error(wordsOf(error, t));
    } finally {
      setBusy(false);
    }
  };
  return <Button icon={<DownloadOutlined />} loading={busy} disabled={disabled} onClick={() => void leave()}>{t("ui.export")}</Button>;
}
