from django.urls import path

from webapp.planning import home, views, views_advisor, views_business, views_plan, views_share, views_talk, views_train

urlpatterns = [
    path("", home.home, name="home"),
    path("projects/<str:code>/", views.overview, name="project-overview"),
    path("projects/<str:code>/summary/", views.summary, name="project-summary"),
    path("projects/<str:code>/plans/", views_plan.plan_list, name="plan-list"),
    path("projects/<str:code>/advisor/", views_advisor.advisor, name="advisor"),
    path("projects/<str:code>/plans/new/", views_plan.plan_new, name="plan-new"),
    path("projects/<str:code>/plans/compare/", views_talk.plan_compare, name="plan-compare"),
    path("plans/<str:code>/", views_plan.plan_detail, name="plan-detail"),
    path("plans/<str:code>/answer/", views_plan.plan_answer, name="plan-answer"),
    path("plans/<str:code>/save/", views_plan.plan_save, name="plan-save"),
    path("plans/<str:code>/recompute/", views_plan.plan_recompute, name="plan-recompute"),
    path("plans/<str:code>/archive/", views_plan.plan_archive, name="plan-archive"),
    path("plans/<str:code>/business/", views_business.plan_business, name="plan-business"),
    path("plans/<str:code>/advantage/", views_business.plan_advantage, name="plan-advantage"),
    path("plans/<str:code>/quality/", views_talk.plan_quality, name="plan-quality"),
    path("plans/<str:code>/evidence/", views_business.plan_evidence, name="plan-evidence"),
    path("plans/<str:code>/history/", views_talk.plan_history, name="plan-history"),
    path("plans/<str:code>/clone/", views_talk.plan_clone, name="plan-clone"),
    path("plans/<str:code>/choose/", views_talk.plan_choose, name="plan-choose"),
    path("plans/<str:code>/comment/", views_talk.plan_comment, name="plan-comment"),
    path("plans/<str:code>/export/<slug:kind>/", views_talk.plan_export, name="plan-export"),
    path("plans/<str:code>/share/", views_share.share_new, name="plan-share"),
    path("plans/<str:code>/train/", views_train.plan_train, name="plan-train"),
    path("plan-links/<str:code>/revoke/", views_share.share_end, name="plan-share-revoke"),
    path("shared/<str:secret>/", views_share.shared, name="plan-shared"),
]
