// How to begin: sign-in for a program, registering an application, and the examples, with this platform's own addresses.
import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";

const STEPS = ["register", "sign-in", "read", "examples", "more"] as const;

export function Begin() {
  const { t } = useTranslation("translation", { keyPrefix: "developers.begin" });
  return (
    <Flex vertical gap={16} style={{ maxWidth: 960 }}>
      {STEPS.map((step, place) => {
        const code = t(`${step}.code`, { origin: location.origin });
        return (
          <section key={step}>
            <Typography.Title level={2} style={{ fontSize: 16 }}>{place + 1}. {t(`${step}.title`)}</Typography.Title>
            <Typography.Paragraph>{t(`${step}.text`)}</Typography.Paragraph>
            <Typography.Paragraph className="developers-shell" copyable={{ text: code, tooltips: false }}>
              <pre tabIndex={0}>{code}</pre>
            </Typography.Paragraph>
          </section>
        );
      })}
    </Flex>
  );
}
