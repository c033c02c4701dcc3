# Answers for one model in OpenAI's chat shape, behind the door of a cloud's endpoint (docs/targets.md, Deploying):
# docker build -t tunegate-trainer --target trainer . && docker build -t tunegate-model -f deploy/model.Dockerfile .
ARG TRAINER=tunegate-trainer
FROM ${TRAINER}
ENV HOME=/tmp \
    TUNEGATE_HOME=/tmp/tunegate
EXPOSE 5001
# the cloud's own probes ask /health/live and /health/ready
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "service.model_server"]
CMD ["--host", "0.0.0.0", "--port", "5001"]
