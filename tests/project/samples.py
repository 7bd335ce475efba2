"""Project files that tests share."""

EVERYTHING = """\
project: sales
tasks:
  - name: fetch
    executor:
      !poetry
      pythonVersion: 3.10
      command: python fetch.py --year 2024
      image: registry.local/python:3.10
    resources:
      memory: 2.5Gi
      cpu: 500m
      storage: 129e6
      nvidia.com/gpu: 1
    secrets:
      - !ame
        key: shop_token
        injectAs: SHOP_TOKEN
      - !vault
        vault: head_office
        key: teams/sales
        field: password
        injectAs: SHOP_PASSWORD
    environment:
      - key: YEAR
        val: 2024
    timeout: 2h
    retries: 3
  - name: learn
    fromTemplate: big
    executor: !pip
      pythonVersion: 3.11
      command: python learn.py | tee learn.log
    dataSets:
      - ref:
          name: weather
    artifacts:
      paths:
        - models/best
    cache: true
    inputs: ["src/**", data]
  - name: report
    executor: !pipenv
      command: python report.py
    artifacts:
      saveChangedFiles: true
    triggers:
      schedule: "0 6 * * 1"
  - name: publish
    executor: {mlflow: {}}
  - name: nightly
    pipeline:
      - taskref: fetch
      - - taskRef: learn
        - name: learn_small
          executor: !custom {command: ./small}
      - taskRef: {name: report}
templates:
  - name: big
    resources: {memory: 10G, cpu: 4}
    executor: !pip
      pythonVersion: 3.11
dataSets:
  - name: weather
    path: ./data/weather
    size: 50Gi
    task:
      taskRef: fetch
models:
  - name: demand
    type: mlflow
    training:
      task:
        taskRef: learn
    validationTask:
      taskRef: report
    deployment:
      replicas: 2
      auto_train: true
      enable_tls: false
      ingressAnnotations: {class: nginx}
      resources: {memory: 1G}
enableTriggers: false
"""
