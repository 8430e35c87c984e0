// The ways to ask for what is not shown: the resident's code, a word by SMS, an emergency. Each leaves its reason.
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Flex, Form, Input, Segmented } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import { patientIn, presented } from "./presenting";

export type Way = "card" | "word" | "emergency";

interface Shown {
  ways: readonly string[];
  /** id: of a registration. identifier: `system|number`, of whom is not known to us. Neither: the code names him. */
  target: { id?: string; identifier?: string };
  onOpened: (id: string) => void;
}

export function Ways({ ways, target, onOpened }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.ways" });
  const client = useClient();
  const [way, setWay] = useState<string>(ways[0] ?? "");
  const [form] = Form.useForm<{ said: string }>();
  const called = (name: string, given: Record<string, string>) => {
    const all = { ...given, ...(target.identifier && !target.id ? { identifier: target.identifier } : {}) };
    const parameter = Object.entries(all).map(([one, valueString]) => ({ name: one, valueString }));
    return client.post<fhir4.Parameters>(target.id ? `Patient/${target.id}/${name}` : `Patient/${name}`, { resourceType: "Parameters", parameter });
  };
  const sending = useMutation({
    mutationFn: () => called("$ask-word", {}),
  });
  const challenge = answered(sending.data).text("challenge");
  const opening = useMutation({
    mutationFn: async ({ said }: { said: string }) => {
      if (way === "card" && !target.id) return presented(client, { code: said });
      if (way === "emergency") return patientIn(await called("$break-glass", { reason: said }));
      return patientIn(await called("$open-record", way === "card" ? { code: said } : { challenge, word: said }));
    },
    onSuccess: (id) => id && onOpened(id),
  });
  if (ways.length === 0) return null;
  const mayAnswer = way !== "word" || challenge !== "";
  return (
    <Flex vertical gap={12}>
      {ways.length > 1 ? (
        <Segmented
          value={way} options={ways.map((one) => ({ value: one, label: t(`${one}.name`) }))} aria-label={t("title")}
          onChange={(to) => { setWay(to); form.resetFields(); opening.reset(); }}
        />
      ) : null}
      {way === "emergency" ? <Alert type="warning" showIcon title={t("emergency.say")} /> : null}
      <Form form={form} layout="vertical" onFinish={(said) => opening.mutate(said)}>
        {way === "word" ? (
          <Form.Item>
            <Button loading={sending.isPending} onClick={() => sending.mutate()}>{t(challenge ? "word.again" : "word.send")}</Button>
          </Form.Item>
        ) : null}
        <Form.Item name="said" label={t(`${way}.label`)} rules={[{ required: true, whitespace: true, message: t(`${way}.wanting`) }]}>
          {way === "emergency"
            ? <Input.TextArea rows={2} maxLength={500} placeholder={t("emergency.placeholder")} />
            : <Input autoComplete="off" disabled={!mayAnswer} />}
        </Form.Item>
        <ProblemBox error={sending.error ?? opening.error} />
        {opening.isSuccess && !opening.data ? <Alert type="warning" showIcon title={t("nobody")} /> : null}
        <Button
          type="primary" htmlType="submit" danger={way === "emergency"} disabled={!mayAnswer} loading={opening.isPending}
          style={{ marginTop: 8 }}
        >{t(`${way}.go`)}</Button>
      </Form>
    </Flex>
  );
}
