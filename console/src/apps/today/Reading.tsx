// A measurement typed in one line, as people write it: 152/94 78. The platform reads it, and asks back where it is odd.
import { useMutation } from "@tanstack/react-query";
import { Alert, App, Button, Flex, Form, Input, Modal, Radio, Typography } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import type { Resident } from "./day";

type Place = "office" | "home";
interface Asked { line: string; place: Place; confirm?: string }

export function Reading({ resident, onClose, onKept }: { resident: Resident | null; onClose: () => void; onKept: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  const client = useClient();
  const { message } = App.useApp();
  const [line, setLine] = useState("");
  const [place, setPlace] = useState<Place>("office");
  // Of one instant, however often it is sent: where an answer was lost, the platform knows it again.
  const taken = useRef("");
  const send = useMutation({
    mutationFn: async ({ line: text, place: where, confirm }: Asked) => {
      const parameter: fhir4.ParametersParameter[] = [{ name: "line", valueString: text }, { name: "place", valueCode: where }];
      if (confirm) parameter.push({ name: "confirm", valueString: confirm });
      taken.current ||= client.now();
      if (taken.current) parameter.push({ name: "at", valueDateTime: taken.current });
      return answered(await client.post<fhir4.Parameters>(`Patient/${resident?.id ?? ""}/$add-reading`, { resourceType: "Parameters", parameter }));
    },
    onSuccess: (told) => {
      taken.current = told.text("at");
      if (told.text("state") !== "kept") return;
      const kept = told.all("reading").map((one) => `${one.text("title")} ${one.value<fhir4.Quantity>("value")?.value ?? ""}`);
      void message.success(t("kept", { what: kept.join(t("and")) }));
      onKept();
      onClose();
    },
  });
  useEffect(() => {
    setLine("");
    taken.current = "";
    send.reset();
  }, [resident, send.reset]);
  const told = send.data;
  const questions = told?.values<string>("question") ?? [];
  const refused = told?.values<string>("refused") ?? [];
  const changed = (text: string) => {
    setLine(text);
    taken.current = "";
    if (send.status !== "idle") send.reset();
  };
  // What was sent is waited for: its answer belongs to this resident, and may ask back.
  const leave = () => {
    if (!send.isPending) onClose();
  };
  return (
    <Modal open={resident !== null} title={t("type-of", { name: resident?.name ?? "" })} onCancel={leave} footer={null} destroyOnHidden>
      <Form layout="vertical" onFinish={() => line.trim() && send.mutate({ line: line.trim(), place })}>
        <Form.Item label={t("line")} htmlFor="reading-line" extra={t("line-say")} style={{ marginBottom: 12 }}>
          <Input id="reading-line" autoFocus size="large" value={line} onChange={(event) => changed(event.target.value)} placeholder="152/94 78" autoComplete="off" />
        </Form.Item>
        <Form.Item label={t("place")} style={{ marginBottom: 12 }}>
          <Radio.Group
            value={place} options={(["office", "home"] as const).map((value) => ({ value, label: t(`places.${value}`) }))}
            onChange={(event) => {
              setPlace(event.target.value as Place);
              taken.current = "";
              send.reset();
            }}
          />
        </Form.Item>
        <Flex vertical gap={12}>
          <ProblemBox error={send.error} />
          {refused.length ? <Alert type="error" showIcon role="alert" title={refused.join(" ")} /> : null}
          {questions.length ? (
            <Alert
              type="warning" showIcon role="alert" title={questions.join(" ")} description={t("asked-back")}
              action={
                <Button autoFocus loading={send.isPending} onClick={() => send.mutate({ line: line.trim(), place, confirm: told?.text("confirm") ?? "" })}>
                  {t("right")}
                </Button>
              }
            />
          ) : (
            <Flex gap={8} align="center">
              <Button type="primary" htmlType="submit" loading={send.isPending} disabled={!line.trim()}>{t("keep")}</Button>
              <Typography.Text type="secondary">{t("keep-say")}</Typography.Text>
            </Flex>
          )}
        </Flex>
      </Form>
    </Modal>
  );
}
